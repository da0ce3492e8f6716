"""Relay connections over keyset cursors.

A list is ordered by columns; a cursor holds one row's values of them, so pages stay put while rows are inserted.
The rules answer plain lists, asked for one row more than the page (`asked.limit`), and this file does the rest::

    ENTRIES = Keyset(int, UUID)

    asked = ENTRIES.asked(first, after)
    rows = await entries.of_wallet(wallet_id, before=asked.key, limit=asked.limit)
    return Connection.of(asked.page(rows, key=lambda row: (row.number, row.id), count=...), EntryNode.of)
"""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
import strawberry

from loyalty.refusals import Invalid
from schema.cost import Cost
from schema.scalars import BigInt

FIRST_MAX = 100

N = TypeVar("N")
R = TypeVar("R")

Count = Callable[[], Awaitable[int]]

First = Annotated[int, strawberry.argument(description="How many, from 1 to 100.")]
After = Annotated[str | None, strawberry.argument(description="Continue after this cursor; absent: from the start.")]


@dataclass(frozen=True)
class Page(Generic[R]):
    """One page of rows, and how to name and count them."""

    rows: Sequence[R]
    has_next: bool
    has_previous: bool
    cursor_of: Callable[[R], str]
    count: Count | None = None


class Keyset:
    """The types of the columns a list is ordered by, in their order."""

    def __init__(self, *types: type) -> None:
        self._types = types

    def cursor(self, key: Sequence[Any]) -> str:
        """Return the opaque cursor of the row with these values."""
        return base64.urlsafe_b64encode(orjson.dumps(list(key), default=str)).rstrip(b"=").decode()

    def key(self, cursor: str) -> tuple[Any, ...]:
        """Return the values a cursor holds.

        Raises:
            Invalid: it is no cursor of such a list.
        """
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            values = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            if isinstance(values, list) and len(values) == len(self._types):
                return tuple(_restored(value, type_) for value, type_ in zip(values, self._types, strict=True))
        except (binascii.Error, ValueError, TypeError, OverflowError):
            pass
        raise Invalid(field="after", problem="invalid")

    def asked(self, first: int, after: str | None = None) -> "Asked":
        """Return what a caller asked for.

        Raises:
            Invalid: `first` is not between 1 and 100, or `after` is no cursor of such a list.
        """
        if not 1 <= first <= FIRST_MAX:
            raise Invalid(field="first", problem="too_small" if first < 1 else "too_large")
        return Asked(self, first, None if after is None else self.key(after))


@dataclass(frozen=True)
class Asked:
    """A page that was asked for: `first` rows after the row with this key."""

    keyset: Keyset
    first: int
    key: tuple[Any, ...] | None

    @property
    def limit(self) -> int:
        """Return how many rows to fetch: one more than the page, to know whether another follows."""
        return self.first + 1

    def page(self, rows: Sequence[R], *, key: Callable[[R], Sequence[Any]], count: Count | None = None) -> Page[R]:
        """Return the page of the fetched rows. `count` is asked only when somebody wants the total."""
        return Page(
            rows=rows[: self.first],
            has_next=len(rows) > self.first,
            has_previous=self.key is not None,
            cursor_of=lambda row: self.keyset.cursor(key(row)),
            count=count,
        )


def _restored(value: Any, type_: type) -> Any:
    if type_ in (datetime, date) and isinstance(value, str):
        moment = type_.fromisoformat(value)
        if not isinstance(moment, datetime):
            return moment
        if moment.tzinfo is None:
            raise ValueError(value)
        return moment.astimezone(UTC)  # what is out of all range then is no cursor
    if type_ is UUID and isinstance(value, str):
        return UUID(value)
    if type_ is int and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return value
    if type_ is str and isinstance(value, str) and "\0" not in value:
        return value
    raise ValueError(value)


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's page information."""

    has_next_page: bool = strawberry.field(description="Whether more follow.")
    has_previous_page: bool = strawberry.field(description="Whether this page began after a cursor.")
    start_cursor: str | None = strawberry.field(description="The first one's cursor; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The last one's cursor, for `after`; null on an empty page.")


@strawberry.type(description="One of a list, with its place.")
class Edge(Generic[N]):
    """Relay's edge."""

    cursor: str = strawberry.field(description="Its place in the list, for `after`.")
    node: N = strawberry.field(description="What stands there.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[N]):
    """Relay's connection; what was not asked for is not made."""

    page: strawberry.Private[Page[Any]]
    node_of: strawberry.Private[Callable[[Any], Any]]

    @classmethod
    def of(cls, page: Page[R], node_of: Callable[[R], N]) -> "Connection[N]":
        """Return a page of rows as a connection of nodes."""
        return cls(page=page, node_of=node_of)

    @strawberry.field(description="The page's nodes with their cursors.")
    def edges(self) -> list[Edge[N]]:
        """Make an edge of each row."""
        return [Edge(cursor=self.page.cursor_of(row), node=self.node_of(row)) for row in self.page.rows]

    @strawberry.field(description="The page's nodes.")
    def nodes(self) -> list[N]:
        """Make a node of each row."""
        return [self.node_of(row) for row in self.page.rows]

    @strawberry.field(description="Where the page stands in the list.")
    def page_info(self) -> PageInfo:
        """Say what lies before and after."""
        rows = self.page.rows
        return PageInfo(
            has_next_page=self.page.has_next,
            has_previous_page=self.page.has_previous,
            start_cursor=self.page.cursor_of(rows[0]) if rows else None,
            end_cursor=self.page.cursor_of(rows[-1]) if rows else None,
        )

    @strawberry.field(
        description="How many there are in all; null where counting is not offered. Counted only when asked for.",
        directives=[Cost(weight=10)],
    )
    async def total_count(self) -> BigInt | None:
        """Count, now that somebody wants to know."""
        return None if self.page.count is None else BigInt(await self.page.count())
