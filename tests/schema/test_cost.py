"""What an operation may cost is known before it runs, and is never less than what it comes to."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.cost import unbounded_lists
from schema.guard import PUBLIC
from tests.support.tiny_schema import ADMIN, a_context, a_schema

SCHEMA = a_schema()


def cost(text: str, variables: dict[str, Any] | None = None) -> int:
    """Return what the schema says the only operation costs."""
    [operation] = SCHEMA.documents.read(text).operations
    return operation.priced.cost(variables)


@pytest.mark.parametrize(
    ("text", "costs"),
    [
        ("{ __typename }", 0),
        ("{ actor }", 0),
        ("{ stars(first: 10) { nodes { name } } }", 11),
        ("{ stars(first: 10) { edges { cursor node { name } } } }", 11),
        ("{ stars(first: 10) { pageInfo { hasNextPage } } }", 1),
        ("{ stars(first: 10) { totalCount } }", 11),
        ("{ stars(first: 10) { nodes { followers(first: 5) { nodes { name } } } } }", 71),
        ("{ stars(first: 10) { nodes { twins { name } } } }", 31),
        (
            "{ ...F } fragment F on Query { stars(first: 3) { ...G } } fragment G on StarConnection { nodes { name } }",
            4,
        ),
        ("{ body { __typename ... on Star { twins { name } } ... on Planet { name } } }", 3),
        ("{ __schema { types { fields { name } } } }", 0),
        ("{ nothing { like(first: 100) { this } } }", 0),
    ],
)
def test_the_published_formula(text: str, costs: int) -> None:
    assert cost(text) == costs


def test_a_variable_decides_when_it_comes_and_its_default_when_it_does_not() -> None:
    text = "query ($n: Int! = 20) { stars(first: $n) { nodes { name } } }"

    assert cost(text) == 21
    assert cost(text, {"n": 50}) == 51


def test_a_page_is_never_priced_above_a_hundred_rows() -> None:
    text = "query ($n: Int!) { stars(first: $n) { nodes { name } } }"

    assert cost(text, {"n": 10**9}) == 101
    assert cost(text, {"n": "all"}) == 101
    assert cost(text, {}) == 101
    assert cost(text, {"n": -5}) == 1


def test_what_is_asked_for_by_ids_counts_them() -> None:
    assert cost('{ nodes(ids: ["a", "b", "c"]) { id ... on Star { twins { name } } } }') == 3 * (1 + 2)
    text = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert cost(text, {"ids": ["a"] * 100}) == 100
    assert cost(text, {"ids": "a"}) == 1


def test_a_mutation_costs_ten_and_a_batch_as_much_as_it_has_items() -> None:
    text = "mutation ($i: HangInput!) { hang(input: $i) { ... on Hung { results { name } } } }"

    assert cost(text, {"i": {"numbers": [1, 2, 3]}}) == 3 * 20 + 3
    assert cost("mutation { hang(input: { numbers: [1, 2] }) { __typename } }") == 40
    literal = "mutation ($n: [BigInt!]! = [1, 2, 3, 4]) { hang(input: { numbers: $n }) { __typename } }"
    assert cost(literal) == 80
    assert cost(literal, {"n": [1]}) == 20


async def test_an_operation_above_the_cap_is_refused_before_it_runs() -> None:
    dear = "{ stars(first: 100) { nodes { followers(first: 100) { nodes { name } } } } }"

    result = await SCHEMA.execute(dear, None, a_context())

    assert result.data is None
    [error] = result.errors or []
    assert error.extensions == {"code": "COST_EXCEEDED", "cost": 10201, "costMax": PUBLIC.cost}


async def test_every_answer_tells_its_cost() -> None:
    result = await SCHEMA.execute("{ stars(first: 2) { nodes { name } } }", None, a_context())

    assert result.extensions == {"cost": 3}


def test_lists_without_a_stated_length_are_named() -> None:
    assert unbounded_lists(SCHEMA._schema) == []


LEAVES = ["name", "number", "id"]


@st.composite
def selections(draw: st.DrawFn, depth: int = 0) -> str:
    """Draw what to select of a star."""
    leaf = draw(st.sampled_from(LEAVES))
    if depth == 3 or draw(st.booleans()):
        return leaf
    below = draw(selections(depth=depth + 1))
    first = draw(st.integers(1, 4))
    return draw(
        st.sampled_from(
            [
                f"{leaf} twins {{ {below} }}",
                f"followers(first: {first}) {{ nodes {{ {below} }} }}",
                f"{leaf} followers(first: {first}) {{ edges {{ node {{ {below} }} }} totalCount }}",
            ]
        )
    )


def objects_in(value: object) -> int:
    """Count the stars in an answer."""
    if isinstance(value, Mapping):
        here = "nodes" not in value and "edges" not in value and "node" not in value
        return here + sum(objects_in(inner) for inner in value.values())
    return sum(objects_in(inner) for inner in value) if isinstance(value, list) else 0


@given(selected=selections(), first=st.integers(1, 4))
@settings(max_examples=150, deadline=None)
async def test_an_answer_never_has_more_rows_than_its_price(selected: str, first: int) -> None:
    text = f"{{ stars(first: {first}) {{ nodes {{ {selected} }} }} }}"

    result = await SCHEMA.execute(text, None, a_context(ADMIN))

    assert result.errors is None
    assert objects_in((result.data or {})["stars"]) <= cost(text)
