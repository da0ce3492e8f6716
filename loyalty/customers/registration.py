"""New customers: the row, the identifiers and the member number, for one or for hundreds in one statement.

Two who register the same person at the same moment end with one customer: the identifier that comes first claims the
person, and whoever loses the claim makes nobody and finds the winner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

import asyncpg

from loyalty import transactions
from loyalty.customers.identifiers import Identifier, IdentifierKind, new_member_numbers
from loyalty.customers.search import searchable
from loyalty.identity import new_id
from loyalty.shops.catalogue import ShopFacts

# Identifiers come before their customers, as who lost the claim must not be made; keys are checked when all is done.
# Claims are in one order for everybody, so that batches wait for each other and never in a circle.
_REGISTER = """
WITH free AS (
    SELECT number, row_number() OVER () AS position FROM unnest($1::text[]) AS number
    WHERE NOT EXISTS (
        SELECT FROM customer_identifier WHERE kind = 'member_number' AND scope = '' AND value_key = number)
), asked AS (
    SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::date[], $8::text[], $9::uuid[])
    WITH ORDINALITY AS asked (id, shop_id, first_name, last_name, locale, birthday, words, number_id, position)
), identifier AS (
    SELECT * FROM unnest($10::uuid[], $11::uuid[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bool[])
    AS identifier (id, customer_id, kind, scope, value, value_key, claims)
), claimed AS (
    INSERT INTO customer_identifier (id, customer_id, kind, scope, value, value_key, created_at)
    SELECT id, customer_id, kind, scope, value, value_key, $17 FROM identifier WHERE claims
    ORDER BY kind, scope, value_key
    ON CONFLICT (kind, scope, value_key) DO NOTHING RETURNING customer_id
), made AS (
    INSERT INTO customer (id, shop_id, member_number, first_name, last_name, locale, birthday, birthday_set_at,
                          search_text, enrolled_at, enrolled_through, created_at, updated_at)
    SELECT id, shop_id, number, first_name, last_name, locale, birthday, CASE WHEN birthday IS NOT NULL THEN $17 END,
           concat_ws(' ', nullif(words, ''), number, '~' || reverse(number)), $17, $18, $17, $17
    FROM asked JOIN free USING (position)
    WHERE id IN (SELECT customer_id FROM claimed) OR id NOT IN (SELECT customer_id FROM identifier)
    RETURNING id, member_number
), others AS (
    INSERT INTO customer_identifier (id, customer_id, kind, scope, value, value_key, created_at)
    SELECT identifier.id, customer_id, kind, scope, value, value_key, $17
    FROM identifier JOIN made ON made.id = customer_id WHERE NOT claims
    UNION ALL
    SELECT number_id, id, 'member_number', '', member_number, member_number, $17 FROM asked JOIN made USING (id)
)
SELECT id FROM made
"""
_SPARE_NUMBERS = 8


@dataclass(frozen=True, kw_only=True)
class NewCustomer:
    """Somebody to register. The first identifier claims the person; none is needed, as a member number is given."""

    id: UUID
    shop: ShopFacts
    locale: str
    identifiers: Sequence[Identifier] = field(default=())
    first_name: str = ""
    last_name: str = ""
    birthday: date | None = None


def new_customer(identifier: Identifier, shop: ShopFacts, *, now: datetime) -> NewCustomer:
    """Return somebody of whom nothing is known but one identifier."""
    return NewCustomer(id=new_id(now), shop=shop, locale=shop.language, identifiers=(identifier,))


async def register(customers: Sequence[NewCustomer], *, through: str, now: datetime) -> set[UUID]:
    """Register the customers as members and return the ids of those who were made.

    The others' first identifiers belong to somebody else already, who can be looked up. One statement, joined to the
    open transaction. `through` is a word for how they came: order, storefront, staff.

    Raises:
        Conflict: a further identifier was claimed by somebody else meanwhile; the transaction starts again.
    """
    assert all(one.kind is not IdentifierKind.MEMBER_NUMBER for new in customers for one in new.identifiers)
    numbers = new_member_numbers(len(customers) + len(customers) // 5 + _SPARE_NUMBERS)
    try:
        made = await transactions.rows(
            _REGISTER, numbers, *_customer_columns(customers, now), *_identifier_columns(customers, now), now, through
        )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name in ("customer_identifier_value", "customer_member_number"):
            raise transactions.Conflict from error
        raise
    return {row["id"] for row in made}


def _customer_columns(customers: Sequence[NewCustomer], now: datetime) -> list[list[object]]:
    return [
        [new.id for new in customers],
        [new.shop.id for new in customers],
        [new.first_name for new in customers],
        [new.last_name for new in customers],
        [new.locale for new in customers],
        [new.birthday for new in customers],
        [searchable((new.last_name, new.first_name), new.identifiers) for new in customers],
        [new_id(now) for _ in customers],
    ]


def _identifier_columns(customers: Sequence[NewCustomer], now: datetime) -> list[list[object]]:
    each = [(new, one, place == 0) for new in customers for place, one in enumerate(new.identifiers)]
    return [
        [new_id(now) for _ in each],
        [new.id for new, _, _ in each],
        [one.kind.value for _, one, _ in each],
        [one.scope for _, one, _ in each],
        [one.value for _, one, _ in each],
        [one.value_key for _, one, _ in each],
        [claims for _, _, claims in each],
    ]


async def verify_identifiers(customer_id: UUID, identifiers: Sequence[Identifier], *, now: datetime) -> None:
    """Mark these as proved to be the customer's, if they are theirs; what was verified before keeps its moment."""
    if identifiers:
        await transactions.rows(
            "UPDATE customer_identifier SET verified_at = $2 WHERE customer_id = $1 AND verified_at IS NULL"
            " AND (kind, scope, value_key) IN (SELECT * FROM unnest($3::text[], $4::text[], $5::text[]))",
            customer_id,
            now,
            *zip(*(one.place for one in identifiers), strict=True),
        )
