"""Pages stay put while rows are inserted, and nothing is counted that nobody asked for."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.refusals import Invalid
from schema.paging import Keyset
from tests.support.tiny_schema import COUNTED, NUMBERED, STARS, a_context, a_schema

SCHEMA = a_schema()
EVERYTHING = (
    "edges { cursor node { number } } nodes { number } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
)


async def page(first: int, after: str | None = None, asked: str = EVERYTHING) -> dict[str, object]:
    """Return a page of the 250 stars."""
    text = f"query ($f: Int!, $a: String) {{ stars(first: $f, after: $a) {{ {asked} }} }}"
    result = await SCHEMA.execute(text, {"f": first, "a": after}, a_context())
    assert result.errors is None
    return dict((result.data or {})["stars"])


async def code_of(first: int, after: str | None = None) -> object:
    """Return the code with which a page is refused."""
    text = "query ($f: Int!, $a: String) { stars(first: $f, after: $a) { nodes { number } } }"
    result = await SCHEMA.execute(text, {"f": first, "a": after}, a_context())
    [error] = result.errors or []
    return (error.extensions or {})["code"]


async def test_a_page_names_its_rows_and_what_lies_around_them() -> None:
    first = await page(2)

    cursors = [NUMBERED.cursor([0]), NUMBERED.cursor([1])]
    assert first == {
        "edges": [{"cursor": cursors[0], "node": {"number": 0}}, {"cursor": cursors[1], "node": {"number": 1}}],
        "nodes": [{"number": 0}, {"number": 1}],
        "pageInfo": {
            "hasNextPage": True,
            "hasPreviousPage": False,
            "startCursor": cursors[0],
            "endCursor": cursors[1],
        },
    }


async def test_pages_follow_each_other_without_gap_or_overlap() -> None:
    seen: list[int] = []
    after = None
    while True:
        found = await page(100, after)
        seen += [node["number"] for node in found["nodes"]]  # type: ignore[attr-defined]
        info: dict[str, str] = found["pageInfo"]  # type: ignore[assignment]
        if not info["hasNextPage"]:
            break
        after = info["endCursor"]

    assert seen == list(range(STARS))


async def test_an_empty_page_has_no_cursors() -> None:
    assert (await page(5, NUMBERED.cursor([STARS]), "pageInfo { hasNextPage hasPreviousPage startCursor }")) == {
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": True, "startCursor": None}
    }


async def test_the_total_is_counted_when_it_is_asked_for_and_not_otherwise() -> None:
    await page(2)
    assert COUNTED == []

    assert await page(2, asked="totalCount") == {"totalCount": STARS}
    assert COUNTED == [STARS]


@pytest.mark.parametrize("first", [0, -1, 101, 2**31 - 1])
async def test_a_page_has_one_to_a_hundred_rows(first: int) -> None:
    assert await code_of(first) == "BAD_USER_INPUT"


async def test_a_list_cannot_be_asked_for_without_first() -> None:
    result = await SCHEMA.execute("{ stars { nodes { number } } }", None, a_context())

    assert [(error.extensions or {})["code"] for error in result.errors or ()] == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "!", "W10", "WzEsMl0", "WyJhIl0", "W3RydWVd", "WzEuNV0", "bnVsbA", "é", "\0", "A" * 100_000],
)
async def test_what_is_no_cursor_is_bad_input(cursor: str) -> None:
    assert await code_of(5, cursor) == "BAD_USER_INPUT"


@given(st.text() | st.binary().map(lambda raw: raw.hex()))
def test_no_text_breaks_the_reading_of_cursors(cursor: str) -> None:
    keyset = Keyset(datetime, UUID, int, str, date)
    with pytest.raises(Invalid) as refused:
        keyset.key(cursor)

    assert refused.value.facts["field"] == "after"


@given(
    at=st.datetimes(timezones=st.just(UTC)),
    id=st.uuids(),
    number=st.integers(-(2**63) + 1, 2**63 - 1),
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    day=st.dates(),
)
def test_a_cursor_holds_what_was_put_into_it(at: datetime, id: UUID, number: int, text: str, day: date) -> None:
    keyset = Keyset(datetime, UUID, int, str, date)

    assert keyset.key(keyset.cursor((at, id, number, text, day))) == (at, id, number, text, day)


def test_a_cursor_of_one_list_is_not_taken_by_another() -> None:
    with pytest.raises(Invalid):
        Keyset(datetime, UUID).key(Keyset(int).cursor([5]))
