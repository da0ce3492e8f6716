"""Search: a prefix of any word of the name or any identifier, or the last digits of a number. Keyset paged.

The words stand in `customer.search_text`, folded; one index answers every word of a query at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import asyncpg

from loyalty import transactions
from loyalty.access import Actor, Permission, require
from loyalty.customers import folding
from loyalty.customers.identifiers import Identifier
from loyalty.customers.lookup import customers_by_id
from loyalty.customers.models import Customer

PAGE_MAX = 100

# Not to_tsvector: its parser would take addresses and numbers apart. The index `customer_search` is of this expression.
SEARCH_VECTOR = "array_to_tsvector(array_remove(string_to_array(search_text, ' '), ''))"


class CustomerSort(StrEnum):
    """In which order customers come."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True)
class CustomerCursor:
    """Where a page of customers ended; the next begins after it, whoever came or went meanwhile."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True)
class CustomerPage:
    """Some customers in the order asked, and whether more follow."""

    customers: list[Customer]
    has_next: bool


def searchable(customer_names: Iterable[str], identifiers: Iterable[Identifier]) -> str:
    """Return the `search_text` of a customer with these names and identifiers."""
    return folding.search_text(customer_names, (word for one in identifiers for word in one.search_words))


async def search(
    actor: Actor,
    *,
    text: str = "",
    first: int,
    after: CustomerCursor | None = None,
    sort: CustomerSort = CustomerSort.NEWEST,
) -> CustomerPage:
    """Return one page of the customers who match `text`, or of all when it is empty.

    Every word of the text must begin a word of the name or an identifier, whatever the accents and the case;
    three digits or more may also end a phone, card or member number. `first` is 1 to 100.

    Raises:
        NotPermitted: the actor may not read customers.
    """
    require(actor, Permission.CUSTOMERS_READ)
    assert 1 <= first <= PAGE_MAX
    query = folding.search_query(text)
    if query is None and text.strip():
        return CustomerPage([], has_next=False)
    conditions, values = _conditions(query)
    way, compare = ("ASC", ">") if sort is CustomerSort.OLDEST else ("DESC", "<")
    if after is not None:
        conditions.append(f"(created_at, id) {compare} (${len(values) + 1}, ${len(values) + 2})")
        values += [after.created_at, after.id]
    found = await _planned_for_its_values(
        f"SELECT id FROM customer WHERE {' AND '.join(conditions)}"
        f" ORDER BY created_at {way}, id {way} LIMIT {first + 1}",
        values,
    )
    ids = [row["id"] for row in found]
    customers = await customers_by_id(ids[:first])
    return CustomerPage([customers[id_] for id_ in ids[:first]], has_next=len(ids) > first)


async def count(actor: Actor, *, text: str = "") -> int:
    """Return how many customers match `text`, or how many there are. Costs more than a page: ask only when asked.

    Raises:
        NotPermitted: the actor may not read customers.
    """
    require(actor, Permission.CUSTOMERS_READ)
    query = folding.search_query(text)
    if query is None and text.strip():
        return 0
    conditions, values = _conditions(query)
    [row] = await _planned_for_its_values(f"SELECT count(*) FROM customer WHERE {' AND '.join(conditions)}", values)
    return int(row[0])


def _conditions(query: str | None) -> tuple[list[str], list[object]]:
    present = ["merged_into_id IS NULL"]
    return (present, []) if query is None else ([*present, f"{SEARCH_VECTOR} @@ $1::tsquery"], [query])


async def _planned_for_its_values(sql: str, values: list[object]) -> list[asyncpg.Record]:
    """Run the statement with a plan for just these words: a rare word wants the index, a common one the order."""

    async def asked() -> list[asyncpg.Record]:
        await transactions.value("SET LOCAL plan_cache_mode = force_custom_plan")
        return await transactions.rows(sql, *values)

    return await transactions.in_one_transaction(asked, repeatable=True)
