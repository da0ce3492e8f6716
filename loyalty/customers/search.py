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
SORTED_MAX = 10_000

# Not to_tsvector: its parser would take addresses and numbers apart. The index `customer_search` is of this expression.
SEARCH_VECTOR = "array_to_tsvector(array_remove(string_to_array(search_text, ' '), ''))"

# How rare a word is, the planner does not know: most are somebody's own. So each way is chosen here. Few matches are
# taken from the index of words and sorted; of many, some are met soon on a walk in the order asked.
_FEW = f"""
WITH matched AS MATERIALIZED (
    SELECT id, created_at FROM customer WHERE {SEARCH_VECTOR} @@ $1::tsquery LIMIT {SORTED_MAX + 1}
)
SELECT total.matches, page.id
FROM (SELECT count(*) AS matches FROM matched) AS total
LEFT JOIN LATERAL (SELECT * FROM matched {{after}} ORDER BY {{order}} LIMIT {{limit}}) AS page ON true
ORDER BY {{order}}
"""
_MANY = f"""
SELECT id FROM customer WHERE {SEARCH_VECTOR} @@ $1::tsquery {{after}} ORDER BY {{order}} LIMIT {{limit}}
"""
_ALL = "SELECT id FROM customer WHERE merged_into_id IS NULL {after} ORDER BY {order} LIMIT {limit}"


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
    way, compare = ("ASC", ">") if sort is CustomerSort.OLDEST else ("DESC", "<")
    ids = await _ids(query, after=after, order=f"created_at {way}, id {way}", compare=compare, limit=first + 1)
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
    if query is None:
        return int(await transactions.value("SELECT count(*) FROM customer WHERE merged_into_id IS NULL"))
    sql = f"SELECT count(*) FROM customer WHERE {SEARCH_VECTOR} @@ $1::tsquery"
    [row] = await _without("enable_seqscan", sql, [query])
    return int(row[0])


async def _ids(query: str | None, *, after: CustomerCursor | None, order: str, compare: str, limit: int) -> list[UUID]:
    values: list[object] = [] if query is None else [query]
    position = f"(created_at, id) {compare} (${len(values) + 1}, ${len(values) + 2})" if after else "true"
    values += [after.created_at, after.id] if after else []
    if query is None:
        found = await transactions.rows(_ALL.format(after=f"AND {position}", order=order, limit=limit), *values)
        return [row["id"] for row in found]
    few = _FEW.format(after=f"WHERE {position}", order=order, limit=limit)
    found = await _without("enable_seqscan", few, values)
    if found[0]["matches"] > SORTED_MAX:
        many = _MANY.format(after=f"AND {position}", order=order, limit=limit)
        found = await _without("enable_bitmapscan", many, values)
    return [row["id"] for row in found if row["id"] is not None]


async def _without(way_of_planning: str, sql: str, values: list[object]) -> list[asyncpg.Record]:
    async def asked() -> list[asyncpg.Record]:
        await transactions.rows(f"SET LOCAL {way_of_planning} = off")
        return await transactions.rows(sql, *values)

    return await transactions.in_one_transaction(asked, repeatable=True)
