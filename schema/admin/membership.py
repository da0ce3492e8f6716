"""Becoming a member, changing a profile, and two customers who are one person."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from datetime import date
from typing import Annotated
from uuid import UUID

import strawberry

from loyalty.customers import profile
from loyalty.earning import enrolment
from loyalty.once.answers import Once
from loyalty.privacy import merging
from schema.admin.customers import Customer, customer_shown
from schema.caller import shop_asked
from schema.context import Info
from schema.customers import (
    BirthdayLocked,
    IdentifierInvalid,
    IdentifierTaken,
    ProfileChangesInput,
    VersionConflict,
)
from schema.identifiers import decoded, encoded
from schema.ledger import UnitsReserved
from schema.refusals import KeyedRefusals, PlainRefusals, Refusal, face_of
from schema.scalars import Locale


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
class MembershipMutation:
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
