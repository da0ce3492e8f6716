"""Nothing of ours leaves with an error, wherever it was raised."""

import logging
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension

from schema.execution import GuardedSchema
from schema.guard import PUBLIC
from schema.scalars import SCALARS
from tests.support.tiny_schema import CANARY, Mutation, Query, a_context, a_schema

SCHEMA = a_schema()


class _OnOperation(SchemaExtension):
    def on_operation(self) -> Iterator[None]:
        raise RuntimeError(CANARY)
        yield


class _OnParse(SchemaExtension):
    def on_parse(self) -> Iterator[None]:
        raise GraphQLError(CANARY)
        yield


class _OnValidate(SchemaExtension):
    def on_validate(self) -> Iterator[None]:
        yield
        raise RuntimeError(CANARY)


class _OnExecute(SchemaExtension):
    def on_execute(self) -> Iterator[None]:
        yield
        raise ValueError(CANARY)


class _OnResolve(SchemaExtension):
    async def resolve(self, *given: Any, **named: Any) -> Any:
        raise LookupError(CANARY)


class _OnResults(SchemaExtension):
    def get_results(self) -> dict[str, Any]:
        raise OSError(CANARY)


EXTENSIONS = [_OnOperation, _OnParse, _OnValidate, _OnExecute, _OnResolve, _OnResults]


@pytest.mark.parametrize("text", ["{ raises }", "{ raisesGraphql }", "{ a: raises b: raises }"])
async def test_what_a_resolver_raises_is_not_told(text: str, caplog: pytest.LogCaptureFixture) -> None:
    result = await SCHEMA.execute(text, None, a_context())

    assert result.errors
    for error in result.errors:
        assert error.message == "Something went wrong here."
        assert error.extensions == {"code": "INTERNAL", "requestId": "req-1"}
    assert CANARY not in _wire(result)
    assert all("req-1" in record.getMessage() for record in caplog.records)
    assert CANARY in caplog.text


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("way", ["execute", "stream"])
async def test_what_an_extension_raises_is_not_told(extension: type[SchemaExtension], way: str) -> None:
    schema = GuardedSchema(Query, Mutation, limits=PUBLIC, extensions=[extension])

    if way == "execute":
        results = [await schema.execute("{ actor }", None, a_context())]
    else:
        results = [result async for result in await schema.stream("{ actor }", None, a_context())]

    told = "".join(_wire(result) for result in results)
    assert CANARY not in told
    assert "INTERNAL" in told


class _Broken:
    """A scalar that fails on whatever it gets."""


def _broken(value: object) -> object:
    raise RuntimeError(CANARY)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("{ takes(it: 1) }", None),
        ("query ($v: Broken) { takes(it: $v) }", {"v": 1}),
        ("{ gives }", None),
    ],
)
async def test_what_a_scalar_raises_is_not_told(text: str, variables: dict[str, Any] | None) -> None:
    schema = _with_broken_scalar()

    result = await schema.execute(text, variables, a_context())

    assert CANARY not in _wire(result)
    assert [(error.extensions or {})["code"] for error in result.errors or ()] == ["INTERNAL"]


def _with_broken_scalar() -> GuardedSchema:
    broken = strawberry.scalar(name="Broken", serialize=_broken, parse_value=_broken)

    @strawberry.type
    class BrokenQuery:
        @strawberry.field
        def takes(self, it: _Broken | None = None) -> str:
            return "taken"

        @strawberry.field
        def gives(self) -> _Broken | None:
            return _Broken()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("schema.execution.SCALARS", {**SCALARS, _Broken: broken})
        return GuardedSchema(BrokenQuery, limits=PUBLIC)


async def test_a_stream_that_fails_half_way_does_not_tell_why() -> None:
    results = [result async for result in await SCHEMA.stream("subscription { breaks }", None, a_context())]

    assert results[0].data == {"breaks": "once"}
    assert CANARY not in "".join(_wire(result) for result in results)
    assert "INTERNAL" in _wire(results[-1])


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("{ actr }", None),
        ("{ echo(smal: 1) }", None),
        ("query ($v: HangInptu!) { actor }", None),
        ("mutation ($v: HangInput!) { hang(input: $v) { __typename } }", {"v": {"number": []}}),
        ("{ node(id: 1) { ... on Sta { name } } }", None),
    ],
)
async def test_no_answer_guesses_at_names(text: str, variables: dict[str, Any] | None) -> None:
    result = await SCHEMA.execute(text, variables, a_context())

    assert {(error.extensions or {})["code"] for error in result.errors or ()} == {"BAD_USER_INPUT"}
    assert "Did you mean" not in _wire(result)


async def test_a_mistake_is_not_repeated_at_length() -> None:
    result = await SCHEMA.execute("query ($v: Int) { echo(small: $v) }", {"v": "x" * 50_000}, a_context())

    assert len(_wire(result)) < 600


async def test_mistakes_of_callers_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for text in ("{", "{ actr }", "{ missing }", "{ echo(big: true) }"):
            await SCHEMA.execute(text, None, a_context())

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def _wire(result: Any) -> str:
    errors = [error.formatted for error in result.errors or ()]
    return orjson.dumps({"data": result.data, "errors": errors, "extensions": result.extensions}).decode()
