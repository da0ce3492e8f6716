"""Customers by id and by any identifier: one at a time, or as many as a batch names.

Identifiers and orders of a merged customer stand with the one who was kept; an id that others still hold is followed
to that one. Questions do not ask who asks, except those that answer an edge directly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from loyalty import transactions
from loyalty.access import Actor, Permission, require
from loyalty.customers.identifiers import Identifier, IdentifierKind, normalised
from loyalty.customers.models import Customer, CustomerIdentifier
from loyalty.shops.catalogue import ShopFacts

_FIND = """
SELECT asked.position, coalesce(customer.merged_into_id, customer.id) AS customer_id,
       customer.enrolled_at IS NOT NULL AS is_member
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS asked (kind, scope, value_key, position)
JOIN customer_identifier identifier USING (kind, scope, value_key)
JOIN customer ON customer.id = identifier.customer_id
"""
# A merge locks its two customers; so nobody's order is recorded for a customer who is being merged away.
_HOLD = "FOR KEY SHARE OF customer"


@dataclass(frozen=True)
class FoundCustomer:
    """Whom an identifier belongs to, and whether they take part in the programme."""

    id: UUID
    is_member: bool


async def customer_with_id(actor: Actor, customer_id: UUID) -> Customer | None:
    """Return the customer, or the one they were merged into, or None.

    Raises:
        NotPermitted: the actor may not read this customer.
    """
    require(actor, Permission.CUSTOMERS_READ, of=customer_id)
    return (await customers_by_id([customer_id])).get(customer_id)


async def customer_with_identifier(
    actor: Actor, kind: IdentifierKind, value: str, *, shop: ShopFacts
) -> Customer | None:
    """Return the customer a till or a member of staff means, or None.

    Raises:
        NotPermitted: the actor may not read customers.
        IdentifierInvalid: the value cannot be an identifier of this kind.
    """
    require(actor, Permission.CUSTOMERS_READ)
    return await customer_by(kind, value, shop=shop)


async def customer_by(kind: IdentifierKind, value: str, *, shop: ShopFacts) -> Customer | None:
    """Return the customer with this identifier, verified or not, or None; one indexed look-up.

    `shop` says whose country's phone number it is, and whose own customer id.

    Raises:
        IdentifierInvalid: the value cannot be an identifier of this kind.
    """
    identifier = normalised(kind, value, shop=shop)
    found = (
        await CustomerIdentifier.filter(kind=kind.value, scope=identifier.scope, value_key=identifier.value_key)
        .select_related("customer")
        .first()
    )
    if found is None or found.customer.merged_into_id is None:
        return None if found is None else found.customer
    return await Customer.get_or_none(id=found.customer.merged_into_id)


async def customers_by_identifiers(
    identifiers: Iterable[Identifier], *, held: bool = False
) -> dict[Identifier, FoundCustomer]:
    """Return whom each identifier belongs to, in one query; unknown ones are left out.

    `held`, inside a transaction, keeps the customers from being merged away until it ends.
    """
    asked = list(dict.fromkeys(identifiers))
    if not asked:
        return {}
    found = await transactions.rows(
        _FIND + (_HOLD if held else ""),
        [identifier.kind.value for identifier in asked],
        [identifier.scope for identifier in asked],
        [identifier.value_key for identifier in asked],
    )
    return {asked[row["position"] - 1]: FoundCustomer(row["customer_id"], row["is_member"]) for row in found}


async def customers_by_id(customer_ids: Iterable[UUID]) -> dict[UUID, Customer]:
    """Return the customers by the ids asked; a merged one's id leads to the customer who was kept."""
    asked = set(customer_ids)
    if not asked:
        return {}
    found = {customer.id: customer for customer in await Customer.filter(id__in=asked)}
    moved = {id_: customer.merged_into_id for id_, customer in found.items() if customer.merged_into_id is not None}
    if moved:
        kept = {customer.id: customer for customer in await Customer.filter(id__in=set(moved.values()))}
        found |= {id_: kept[kept_id] for id_, kept_id in moved.items()}
    return found


async def identifiers_of(customer_ids: Iterable[UUID]) -> dict[UUID, list[CustomerIdentifier]]:
    """Return the customers' identifiers: of each kind the verified first, then the oldest; none for unknown ids."""
    asked = list(dict.fromkeys(customer_ids))
    by_customer: dict[UUID, list[CustomerIdentifier]] = {customer_id: [] for customer_id in asked}
    if asked:
        found = await CustomerIdentifier.filter(customer_id__in=asked).order_by("created_at", "id")
        for identifier in sorted(found, key=lambda one: (one.kind, one.verified_at is None)):
            by_customer[identifier.customer_id].append(identifier)  # type: ignore[attr-defined]
    return by_customer


async def holder_of(customer_id: UUID) -> UUID:
    """Return the customer who holds this one's history: they themselves, or the one they were merged into.

    Inside a transaction the customer cannot be merged away until it ends.
    """
    holder = await transactions.value(
        "SELECT coalesce(merged_into_id, id) FROM customer WHERE id = $1 FOR KEY SHARE", customer_id
    )
    return customer_id if holder is None else holder


async def customer_family_ids(customer_id: UUID) -> list[UUID]:
    """Return the customer's id and those of all who were merged into them: whose entries are their history."""
    return (await customer_families([customer_id]))[customer_id]


async def customer_families(customer_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Return each customer's family as `customer_family_ids` does, in one query."""
    families = {customer_id: [customer_id] for customer_id in customer_ids}
    if families:
        for merged in await Customer.filter(merged_into_id__in=list(families)).order_by("id"):
            families[merged.merged_into_id].append(merged.id)  # type: ignore[index]
    return families
