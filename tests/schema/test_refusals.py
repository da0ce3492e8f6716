"""A refusal is a member of the union in a mutation and an error with a code elsewhere."""

from typing import Any
from uuid import UUID

import pytest

from loyalty.access import Actor
from loyalty.refusals import NotFound, Refusal, TryAgain
from loyalty.throttles.attempts import Throttled
from schema.codes import Code
from schema.masking import code_of
from schema.refusals import FACES, told
from tests.support.tiny_schema import ADMIN, SUPPORT, NoMoreStars, a_context, a_schema

SCHEMA = a_schema()
HANG = """
mutation ($numbers: [BigInt!]!) {
  hang(input: { numbers: $numbers }) {
    __typename
    ... on Refusal { code message }
    ... on NoMoreStarsFace { hung asked since }
    ... on NotFound { what }
    ... on NotPermitted { permission }
    ... on Hung { replayed results { number } price { amount amountMinor currency } }
  }
}
"""


async def hang(*numbers: int, actor: Actor = ADMIN, languages: tuple[str, ...] = ("en",)) -> dict[str, Any]:
    """Return what the mutation answers."""
    result = await SCHEMA.execute(HANG, {"numbers": list(numbers)}, a_context(actor, languages=languages))
    assert result.errors is None
    return dict((result.data or {})["hang"])


async def test_success_is_told_as_such() -> None:
    assert await hang(1, 2) == {
        "__typename": "Hung",
        "replayed": False,
        "results": [{"number": 1}, {"number": 2}],
        "price": {"amount": "12.50", "amountMinor": 1250, "currency": "EUR"},
    }


async def test_a_refusal_tells_its_facts_in_their_types() -> None:
    refused = await hang(666)

    assert refused["__typename"] == "NoMoreStarsFace"
    assert refused["code"] == "TINY_NO_MORE_STARS"
    assert (refused["hung"], refused["asked"]) == (str(2**60), 1)
    assert refused["since"] == "2026-03-02T12:00:00+00:00"


async def test_a_refusal_is_worded_in_the_callers_language() -> None:
    english = await hang(404)
    polish = await hang(404, languages=("pl",))

    assert english["message"] == "There is no such order. Check its number and the shop."
    assert polish["message"] != english["message"]
    assert (polish["code"], polish["what"]) == ("NOT_FOUND", "order")


async def test_whoever_may_not_is_told_so_as_a_member_of_the_union() -> None:
    nobody_in_particular = Actor.key(UUID(int=5), frozenset())

    refused = await hang(1, actor=nobody_in_particular)

    assert (refused["__typename"], refused["permission"]) == ("NotPermitted", "orders:record")


async def test_whoever_has_not_signed_in_is_told_so_by_an_error() -> None:
    result = await SCHEMA.execute(HANG, {"numbers": [1]}, a_context())

    [error] = result.errors or []
    assert (error.message, error.extensions) == ("Nobody is signed in.", {"code": "UNAUTHENTICATED"})


async def test_in_a_query_a_refusal_is_an_error_with_a_code() -> None:
    result = await SCHEMA.execute("{ missing private }", None, a_context(SUPPORT))

    assert result.data == {"missing": None, "private": None}
    assert [error.extensions for error in result.errors or ()] == [
        {"code": "NOT_FOUND", "refusal": "NOT_FOUND"},
        {"code": "FORBIDDEN", "refusal": "NOT_PERMITTED"},
    ]


class _Odd(Refusal):
    """A refusal nobody has paired with anything."""

    code = "TINY_ODD"


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (NotFound(what="order"), Code.NOT_FOUND),
        (TryAgain(), Code.RATE_LIMITED),
        (Throttled(retry_after_seconds=9), Code.RATE_LIMITED),
        (_Odd(), Code.BAD_USER_INPUT),
    ],
)
def test_every_refusal_has_a_published_code(refusal: Refusal, code: Code) -> None:
    assert code_of(refusal, a_context(SUPPORT)) is code


def test_a_refusal_can_be_told_as_one_of_many() -> None:
    face = told(NoMoreStars(hung=1, asked=2, since="2026-03-02T12:00:00+00:00"), "en")

    assert type(face) is FACES[NoMoreStars]
    assert told(_Odd(), "en") is None


def test_the_facts_of_a_type_are_facts_of_its_refusal() -> None:
    for refusal, face in FACES.items():
        assert issubclass(refusal, Refusal)
        assert face.__doc__
