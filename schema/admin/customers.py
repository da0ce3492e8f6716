"""Customers, as staff and servers see them."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from loyalty.access import Permission, require
from loyalty.customers import lookup
from loyalty.customers import search as searching
from loyalty.customers.identifiers import IdentifierKind as KindOfRules
from loyalty.customers.models import Customer as Row
from loyalty.customers.search import CustomerSort
from loyalty.refusals import Invalid, NotFound
from schema.admin.orders import Order, customers_orders_connection
from schema.caller import shop_asked
from schema.context import Info
from schema.cost import Cost
from schema.customers import (
    IdentifierInput,
    IdentifierKind,
    email_shown,
    identifiers_shown,
)
from schema.identifiers import Node, decoded, encoded
from schema.ledger import Entry, Wallet, entries_connection, wallets_shown
from schema.paging import After, Connection, First, Keyset
from schema.rewards import Entitlement, entitlements_connection
from schema.scalars import Locale

CUSTOMERS = Keyset(datetime, UUID)


async def _customers(customer_ids: list[UUID]) -> list[Row | None]:
    found = await lookup.customers_by_id(customer_ids)
    return [found.get(customer_id) for customer_id in customer_ids]


strawberry.enum(CustomerSort, description="In which order customers come.")


@strawberry.type(description="One way to find a customer.")
class Identifier:
    """An identifier."""

    kind: IdentifierKind = strawberry.field(description="What it is.")
    value: str = strawberry.field(description="The value as it was written.")
    verified_at: datetime | None = strawberry.field(description="When the customer proved that it is theirs.")


@strawberry.type(description="A customer.")
class Customer(Node):
    """A customer, for those who may read customers."""

    row: strawberry.Private[Row]
    member_number: str = strawberry.field(description="The number on the card.")
    display_name: str = strawberry.field(description="The name; the member number where none is known.")
    first_name: str = strawberry.field(description="First name; may be empty.")
    last_name: str = strawberry.field(description="Last name; may be empty.")
    birthday: date | None = strawberry.field(description="Birthday, if known.")
    locale: Locale = strawberry.field(description="Language.")
    enrolled_at: datetime | None = strawberry.field(description="Since when they are a member.")
    created_at: datetime = strawberry.field(description="Since when they are known.")
    version: int = strawberry.field(description="For `updateCustomer`: which version of the profile this is.")

    @strawberry.field(
        description="Their identifiers; of each kind the verified ones first.", directives=[Cost(rows=20)]
    )
    async def identifiers(self, info: Info) -> list[Identifier]:
        """Return all identifiers."""
        return [
            Identifier(kind=IdentifierKind(one.kind), value=one.value, verified_at=one.verified_at)
            for one in await identifiers_shown(info.context, self.row.id)
        ]

    @strawberry.field(description="Their e-mail address, if they have one; a verified one first.")
    async def email(self, info: Info) -> str | None:
        """Return the first e-mail address."""
        return await email_shown(info.context, self.row.id)

    @strawberry.field(description="What they have, one wallet per unit of the programme.", directives=[Cost(rows=20)])
    async def wallets(self, info: Info) -> list[Wallet]:
        """Return all wallets."""
        require(info.context.actor, Permission.LEDGER_READ)
        return await wallets_shown(info.context, self.row.id, self.row.shop_id)

    @strawberry.field(description="What they have in one unit; absent: the programme's first.")
    async def wallet(
        self,
        info: Info,
        unit: Annotated[str | None, strawberry.argument(description="The unit's code.")] = None,
    ) -> Wallet:
        """Return one wallet."""
        require(info.context.actor, Permission.LEDGER_READ)
        wallets = await wallets_shown(info.context, self.row.id, self.row.shop_id)
        found = wallets[0] if unit is None else next((one for one in wallets if one.unit == unit), None)
        if found is None:
            raise NotFound(what="unit")
        return found

    @strawberry.field(description="Their history, newest first.")
    async def entries(
        self,
        info: Info,
        first: First,
        after: After = None,
        unit: Annotated[str | None, strawberry.argument(description="Only this unit's.")] = None,
    ) -> Connection[Entry]:
        """Return a page of entries, with those of customers merged into this one."""
        require(info.context.actor, Permission.LEDGER_READ)
        return await entries_connection(info.context, self.row.id, first, after, unit)

    @strawberry.field(description="Their orders, the last placed first.")
    async def orders(self, info: Info, first: First, after: After = None) -> Connection[Order]:
        """Return a page of orders."""
        return await customers_orders_connection(info, self.row.id, first, after)

    @strawberry.field(description="The rewards they hold or held, newest first.")
    async def entitlements(self, info: Info, first: First, after: After = None) -> Connection[Entitlement]:
        """Return a page of entitlements."""
        require(info.context.actor, Permission.REWARDS_READ)
        return await entitlements_connection(info, self.row.id, first, after)

    @classmethod
    def of(cls, row: Row) -> "Customer":
        """Show a customer."""
        name = " ".join(part for part in (row.first_name, row.last_name) if part)
        return cls(
            id=encoded("Customer", row.id),
            row=row,
            member_number=row.member_number,
            display_name=name or row.member_number,
            first_name=row.first_name,
            last_name=row.last_name,
            birthday=row.birthday,
            locale=Locale(row.locale),
            enrolled_at=row.enrolled_at,
            created_at=row.created_at,
            version=row.version,
        )


async def customer_node(info: Info, customer_id: UUID) -> Customer | None:
    """Return the customer, or the one they were merged into, loaded with the others of the request.

    Raises:
        NotPermitted: the actor may not read customers, whatever else they may do with them.
    """
    require(info.context.actor, Permission.CUSTOMERS_READ)
    loader: DataLoader[UUID, Row | None] = info.context.loader(_customers)
    row = await loader.load(customer_id)
    return Customer.of(row) if row else None


async def customer_shown(info: Info, customer_id: UUID) -> Customer:
    """Return a customer there is, as `customer_node` does.

    Raises:
        NotPermitted: the actor may not read customers.
    """
    customer = await customer_node(info, customer_id)
    assert customer is not None
    return customer


@strawberry.type
class CustomersQuery:
    """Questions about customers."""

    @strawberry.field(description="Customers by prefix of any name or identifier, or by last digits of phone and card.")
    async def customers(
        self,
        info: Info,
        first: First,
        after: After = None,
        search: Annotated[
            str | None, strawberry.argument(description="Words; accents and case do not matter. Absent: everybody.")
        ] = None,
        sort: Annotated[CustomerSort, strawberry.argument(description="In which order.")] = CustomerSort.NEWEST,
    ) -> Connection[Customer]:
        """Return a page of customers."""
        return await _found(info, first, after, search or "", sort)

    @strawberry.field(description="One customer, by id or by an identifier; null where there is none.")
    async def customer(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, strawberry.argument(description="The customer's id.")] = None,
        identifier: Annotated[
            IdentifierInput | None, strawberry.argument(description="One of their identifiers.")
        ] = None,
        shop: Annotated[
            str | None, strawberry.argument(description="Whose phone numbers and customer ids are meant.")
        ] = None,
    ) -> Customer | None:
        """Return the customer asked for."""
        actor = info.context.actor
        if (id is None) == (identifier is None):
            raise Invalid(field="id", problem="id_or_identifier")
        if id is not None:
            return await customer_node(info, decoded("Customer", id))
        assert identifier is not None
        row = await lookup.customer_with_identifier(
            actor, KindOfRules(identifier.kind.value), identifier.value, shop=await shop_asked(info, shop)
        )
        return Customer.of(row) if row else None


async def _found(info: Info, first: int, after: str | None, text: str, sort: CustomerSort) -> Connection[Customer]:
    actor = info.context.actor
    asked = CUSTOMERS.asked(first, after)
    cursor = searching.CustomerCursor(*asked.key) if asked.key else None
    page = await searching.search(actor, text=text, first=asked.first, after=cursor, sort=sort)

    async def count() -> int:
        return await searching.count(actor, text=text)

    shown = asked.page(page.customers, key=lambda row: (row.created_at, row.id), count=count)
    return Connection.of(replace(shown, has_next=page.has_next), Customer.of)
