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
from loyalty.customers import lookup, profile
from loyalty.customers import search as searching
from loyalty.customers.identifiers import IdentifierKind as KindOfRules
from loyalty.customers.models import Customer as Row
from loyalty.customers.search import CustomerSort
from loyalty.earning import enrolment
from loyalty.once.answers import Once
from loyalty.privacy import merging
from loyalty.refusals import Invalid, NotFound
from schema.admin.orders import Order, customers_orders_connection
from schema.caller import shop_asked
from schema.context import Info
from schema.cost import Cost
from schema.customers import (
    BirthdayLocked,
    IdentifierInput,
    IdentifierInvalid,
    IdentifierKind,
    IdentifierTaken,
    ProfileChangesInput,
    VersionConflict,
    email_shown,
    identifiers_shown,
)
from schema.identifiers import Node, decoded, encoded
from schema.ledger import Entry, UnitsReserved, Wallet, entries_connection, wallets_shown
from schema.paging import After, Connection, First, Keyset
from schema.refusals import KeyedRefusals, PlainRefusals, Refusal, face_of
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


@strawberry.input(description="Who is to be a member.")
class EnrolCustomerInput:
    """An application, made for somebody."""

    idempotency_key: str | None = strawberry.field(default=None, description="The caller's own key, if they want one.")
    shop: str | None = strawberry.field(default=None, description="The shop's code; absent: the caller's.")
    email: str | None = strawberry.field(default=None, description="E-mail address.")
    phone: str | None = strawberry.field(default=None, description="Phone number.")
    card: str | None = strawberry.field(default=None, description="Card number.")
    barcode: str | None = strawberry.field(default=None, description="Barcode.")
    external_id: str | None = strawberry.field(default=None, description="The shop's own customer id.")
    email_verified: bool = strawberry.field(
        default=False, description="Whether the shop vouches that the address is theirs; for servers alone."
    )
    phone_verified: bool = strawberry.field(
        default=False, description="Whether the shop vouches that the number is theirs; for servers alone."
    )
    first_name: str = strawberry.field(default="", description="First name.")
    last_name: str = strawberry.field(default="", description="Last name.")
    locale: Locale | None = strawberry.field(default=None, description="Language; absent: the shop's.")
    birthday: date | None = strawberry.field(default=None, description="Birthday.")


@strawberry.type(description="The membership stands.")
class CustomerEnrolled:
    """A member, new or known. Whoever may enrol without reading customers learns the id alone."""

    enrolled_id: strawberry.Private[UUID]
    customer_id: strawberry.ID = strawberry.field(description="The member's id.")
    is_new: bool = strawberry.field(description="Whether they became one just now.")
    replayed: bool = strawberry.field(description="Whether the key was answered before and this tells it again.")

    @strawberry.field(description="The member. Needs the permission to read customers.")
    async def customer(self, info: Info) -> Customer:
        """Return the member."""
        return await customer_shown(info, self.enrolled_id)


EnrolCustomerResult = Annotated[
    CustomerEnrolled | IdentifierInvalid | IdentifierTaken | KeyedRefusals,
    strawberry.union("EnrolCustomerResult", description="What enrolling came to."),
]


@strawberry.input(description="Changes to a customer's profile.")
class UpdateCustomerInput(ProfileChangesInput):
    """What staff and servers may change."""

    customer_id: strawberry.ID = strawberry.field(description="The customer.")
    shop: str | None = strawberry.field(default=None, description="Whose phone numbers and customer ids are meant.")
    expected_version: int | None = strawberry.field(
        default=None, description="The version the change was made to; a newer one refuses it."
    )
    card: strawberry.Maybe[str | None] = strawberry.field(description="Card number.")
    barcode: strawberry.Maybe[str | None] = strawberry.field(description="Barcode.")
    external_id: strawberry.Maybe[str | None] = strawberry.field(description="The shop's own customer id.")


@strawberry.type(description="The profile as it stands now.")
class CustomerUpdated:
    """A changed profile."""

    updated_id: strawberry.Private[UUID]
    version: int = strawberry.field(description="The version of the profile after the change.")

    @strawberry.field(description="The customer. Needs the permission to read customers.")
    async def customer(self, info: Info) -> Customer:
        """Return the customer."""
        return await customer_shown(info, self.updated_id)


UpdateCustomerResult = Annotated[
    CustomerUpdated | IdentifierInvalid | IdentifierTaken | VersionConflict | BirthdayLocked | PlainRefusals,
    strawberry.union("UpdateCustomerResult", description="What changing a profile came to."),
]


@strawberry.input(description="Two customers who are one person.")
class MergeCustomersInput:
    """Which one stays."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    kept_id: strawberry.ID = strawberry.field(description="The customer who stays.")
    merged_id: strawberry.ID = strawberry.field(description="The customer who becomes part of the other.")


@strawberry.type(description="Two customers are one now; both histories are kept.")
class CustomersMerged:
    """A merge."""

    kept_id: strawberry.Private[UUID]
    replayed: bool = strawberry.field(description="Whether the key was answered before and this tells it again.")

    @strawberry.field(description="The customer who stayed. Needs the permission to read customers.")
    async def customer(self, info: Info) -> Customer:
        """Return the customer."""
        return await customer_shown(info, self.kept_id)


@face_of(merging.MergeImpossible)
class MergeImpossible(Refusal):
    """Paired with the rule of the same name."""

    reason: str = strawberry.field(description="Why, for programs.")


MergeCustomersResult = Annotated[
    CustomersMerged | MergeImpossible | UnitsReserved | KeyedRefusals,
    strawberry.union("MergeCustomersResult", description="What merging came to."),
]


@strawberry.type
class CustomersMutation:
    """What can be done with customers."""

    @strawberry.mutation(description="Enrol a customer for them: at the till, in the console, by the shop's server.")
    async def enrol_customer(self, info: Info, input: EnrolCustomerInput) -> EnrolCustomerResult:
        """Enrol, or find the member they are."""
        context = info.context
        shop = await shop_asked(info, input.shop)
        done = await enrolment.enrol_customer(
            enrolment.Application(
                email=input.email,
                phone=input.phone,
                card=input.card,
                barcode=input.barcode,
                external_id=input.external_id,
                email_verified=input.email_verified,
                phone_verified=input.phone_verified,
                first_name=input.first_name,
                last_name=input.last_name,
                locale=input.locale,
                birthday=input.birthday,
            ),
            shop=shop,
            actor=context.actor,
            once=Once(input.idempotency_key, input) if input.idempotency_key is not None else None,
            now=context.now,
        )
        member_id = done.value.customer_id
        assert member_id is not None
        return CustomerEnrolled(
            enrolled_id=member_id,
            customer_id=encoded("Customer", member_id),
            is_new=bool(done.value.is_new),
            replayed=done.replayed,
        )

    @strawberry.mutation(description="Change a customer's profile.")
    async def update_customer(self, info: Info, input: UpdateCustomerInput) -> UpdateCustomerResult:
        """Change what is given."""
        context = info.context
        row = await profile.update_customer(
            context.actor,
            decoded("Customer", input.customer_id),
            input.changes(),
            shop=await shop_asked(info, input.shop),
            expected_version=input.expected_version,
            now=context.now,
        )
        return CustomerUpdated(updated_id=row.id, version=row.version)

    @strawberry.mutation(description="Make one customer of two who are one person.")
    async def merge_customers(self, info: Info, input: MergeCustomersInput) -> MergeCustomersResult:
        """Merge."""
        context = info.context
        done = await merging.merge_customers(
            Once(input.idempotency_key, input),
            kept_id=decoded("Customer", input.kept_id),
            merged_id=decoded("Customer", input.merged_id),
            actor=context.actor,
            now=context.now,
        )
        return CustomersMerged(kept_id=done.value.kept_id, replayed=done.replayed)
