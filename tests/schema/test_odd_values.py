"""Whatever stands in a variable, nothing of ours breaks: it is understood, or refused by name."""

from typing import Any
from uuid import UUID

import orjson
import pytest
from graphql import GraphQLObjectType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.access import Actor, Permission
from schema.admin.root import AdminSchema
from schema.caller import Surroundings
from schema.context import Context
from schema.execution import GuardedSchema
from schema.paging import Keyset
from schema.storefront.root import StorefrontSchema
from tests.support.api import CLOCK, Api
from tests.support.inputs import admin_inputs, storefront_inputs
from tests.support.odd_values import numbered, odd_values, places, question, with_value
from tests.support.unions import mutations_of
from tests.support.world import World, a_world

ADMIN = AdminSchema(Surroundings())
STOREFRONT = StorefrontSchema(Surroundings())
BOTH = pytest.mark.parametrize("schema", [ADMIN, STOREFRONT], ids=["admin", "storefront"])


@pytest.fixture
async def world(api: Api) -> World:
    """Return a shop in which everything has happened once."""
    return await a_world(api)


def asking(world: World, schema: GuardedSchema) -> Actor:
    """Return who may do most there."""
    if schema is STOREFRONT:
        return Actor.customer(world.anna.id, shop_id=world.api.shop.id)
    return Actor.key(UUID(int=1), frozenset(Permission) - {Permission.LEDGER_POST})


async def faults(schema: GuardedSchema, actor: Actor, document: str, variables: dict[str, Any]) -> bool:
    """Tell whether the answer holds a fault of ours."""
    result = await schema.execute(document, variables, Context(actor, CLOCK, request_id="r"))
    return any((error.extensions or {}).get("code") == "INTERNAL" for error in result.errors or ())


@BOTH
async def test_no_value_in_any_place_of_an_input_breaks_a_mutation(world: World, schema: GuardedSchema) -> None:
    inputs = admin_inputs(world) if schema is ADMIN else storefront_inputs(world)
    actor, number, broken = asking(world, schema), 0, []
    assert schema._schema.mutation_type is not None

    for name in mutations_of(schema._schema):
        type_ = schema._schema.mutation_type.fields[name].args["input"].type
        document = f"mutation($input: {type_}) {{ {name}(input: $input) {{ __typename }} }}"
        for at, odd_type in places(type_, inputs[name]):
            if at[:2] == ("orders", 0) and len(at) > 2:
                continue  # an order of a batch is an order
            for odd in odd_values(odd_type):
                number += 1
                input = with_value(numbered(inputs[name], number), at, odd)
                if await faults(schema, actor, document, {"input": input}):
                    broken.append((name, at, repr(odd)[:60]))

    assert number >= (2_000 if schema is ADMIN else 500)
    assert broken == [], "\n".join(map(str, broken))


QUESTIONS = {
    ("storefront", "Query"): "%s",
    ("storefront", "Member"): "me { %s }",
    ("admin", "Query"): "%s",
    ("admin", "Customer"): "customers(first: 1) { nodes { %s } }",
}


@pytest.mark.parametrize(("schema_name", "type_name"), QUESTIONS)
async def test_no_value_of_any_argument_breaks_a_question(world: World, schema_name: str, type_name: str) -> None:
    schema = ADMIN if schema_name == "admin" else STOREFRONT
    type_ = schema._schema.type_map[type_name]
    assert isinstance(type_, GraphQLObjectType)
    actor, number, broken = asking(world, schema), 0, []

    for name, field in type_.fields.items():
        if not field.args:
            continue
        document, types = question(schema._schema, type_, name, QUESTIONS[schema_name, type_name])
        good = good_arguments(world, types)
        for argument, argument_type in types.items():
            for at, odd_type in places(argument_type, good.get(argument)):
                for odd in odd_values(odd_type):
                    number += 1
                    variables = {**good, argument: with_value(good.get(argument), at, odd)}
                    if await faults(schema, actor, document, variables):
                        broken.append((name, argument, at, repr(odd)[:60]))

    assert number >= 100
    assert broken == [], "\n".join(map(str, broken))


def good_arguments(world: World, types: Any) -> dict[str, Any]:
    """Return what must be given, and what leads further."""
    good = {
        "first": 2,
        "shop": "default",
        "id": world.ids["customer"],
        "ids": [world.ids["customer"]],
        "input": {"lines": [{"sku": "TEA", "name": "Tea", "quantity": 1, "amountMinor": 100}]},
        "sort": "NEWEST",
    }
    if "identifier" in types:
        return {"identifier": {"kind": "EMAIL", "value": "x@example.com"}, "shop": "default"}
    return {name: good[name] for name in types if name in good}


@BOTH
async def test_no_cursor_breaks_a_page(world: World, schema: GuardedSchema) -> None:
    pages = {
        ADMIN: [*("customers", "orders", "adjustments", "apiKeys", "staff", "auditTrail", "jobRuns", "rewards")],
        STOREFRONT: ["rewards"],
    }[schema]
    ways = {name: "%s" for name in pages} | (
        {"entries": "me { %s }", "entitlements": "me { %s }"}
        if schema is STOREFRONT
        else {name: f'customer(id: "{world.ids["customer"]}") {{ %s }}' for name in ("entries", "entitlements")}
    )
    moments = ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "2026-03-02T12:00:00+00:00"]
    ids = [str(world.anna.id), str(UUID(int=0)), str(UUID(int=2**128 - 1))]
    keys: list[list[Any]] = [[number] for number in (0, -1, 2**63 - 1, -(2**63), 2**63, 1.5, None, "x")]
    keys += [[moment, id] for moment in moments for id in ids]
    keys += [[moment, number, ids[0]] for moment in moments for number in (0, -(2**63), 2**63 - 1)]
    keys += [[id] for id in ids]
    keys += [["\ud7ff"], ["a" * 5_000], [True], [], [[]], {}, "x"]  # type: ignore[list-item]
    actor, broken = asking(world, schema), []

    for name, way in ways.items():
        shop = ', shop: "default"' if schema is ADMIN and name == "rewards" else ""
        document = (
            f"query($after: String) {{ {way % f'{name}(first: 2, after: $after{shop}) {{ nodes {{ __typename }} }}'} }}"
        )
        for key in keys:
            if await faults(schema, actor, document, {"after": Keyset().cursor(key)}):
                broken.append((name, key))

    assert broken == [], "\n".join(map(str, broken))


async def test_an_empty_name_of_an_operation_names_none(api: Api) -> None:
    asked = {"query": "query($a: Int!) { rewards(first: $a) { nodes { id } } }", "operationName": ""}

    response = await api.public.post({**asked, "variables": {"a": 1}})

    assert response.json()["data"] == {"rewards": {"nodes": [{"id": "5-off"}]}}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=10), parts, max_size=4),
    max_leaves=12,
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "query": st.sampled_from(["{ me { id } }", "query($a: Int!) { rewards(first: $a) { nodes { id } } }"])
        | st.text(max_size=40)
        | json_values,
        "variables": st.dictionaries(st.sampled_from(["a", "b", "input"]), json_values, max_size=3) | json_values,
        "operationName": st.text(max_size=10) | json_values,
        "extensions": st.just({"persistedQuery": {"sha256Hash": "0" * 64}}) | json_values,
        "documentId": st.text(max_size=80) | json_values,
    },
)


@pytest.mark.parametrize("path", ["/graphql", "/graphql/admin"])
async def test_no_body_is_answered_with_a_fault(api: Api, path: str) -> None:
    headers = dict(api.till.headers) if path.endswith("admin") else {}
    answers: list[tuple[bytes, int]] = []
    asked: list[bytes] = []

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.binary(max_size=200) | st.one_of(bodies, json_values).map(_json))
    def collect(body: bytes) -> None:
        asked.append(body)

    collect()
    for body in asked:
        response = await api.http.post(path, content=body, headers={**headers, "content-type": "application/json"})
        if response.status_code >= 500 or b'"INTERNAL"' in response.content:
            answers.append((body, response.status_code))

    assert answers == []


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        return repr(value).encode(errors="replace")
