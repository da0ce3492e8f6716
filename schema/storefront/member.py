"""The signed-in member: who they are, what they have, what happened."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from loyalty.customers import lookup, profile
from loyalty.customers.models import Customer
from loyalty.earning import enrolment
from loyalty.refusals import NotFound
from schema.caller import me_id, shop_asked
from schema.context import Info
from schema.cost import Cost
from schema.customers import (
    BirthdayLocked,
    IdentifierInvalid,
    IdentifierTaken,
    ProfileChangesInput,
    VersionConflict,
    email_shown,
)
from schema.identifiers import Node, encoded
from schema.ledger import Entry, Wallet, entries_connection, entry_shown, wallets_shown
from schema.paging import After, Connection, First
from schema.refusals import PlainRefusals
from schema.rewards import Entitlement, entitlements_connection, held_reward
from schema.scalars import Locale


async def _families(customer_ids: list[UUID]) -> list[list[UUID]]:
    found = await lookup.customer_families(customer_ids)
    return [found[customer_id] for customer_id in customer_ids]


@strawberry.type(description="Where a member stands in the programme's tiers.")
class TierStanding:
    """A level and what keeps it."""

    level: str = strawberry.field(description="The tier's name, in the reader's language.")
    since: datetime = strawberry.field(description="Since when it is held.")
    until: datetime | None = strawberry.field(description="Until when it is held at least.")


UnitCode = Annotated[str | None, strawberry.argument(description="The unit's code; absent: see the field.")]


@strawberry.type(description="A member of the programme, as they see themselves.")
class Member(Node):
    """The signed-in customer."""

    customer: strawberry.Private[Customer]
    member_number: str = strawberry.field(description="The number on the card.")
    display_name: str = strawberry.field(description="How to greet them; the member number where no name is known.")
    first_name: str = strawberry.field(description="First name; may be empty.")
    last_name: str = strawberry.field(description="Last name; may be empty.")
    birthday: date | None = strawberry.field(description="Birthday, if they told.")
    locale: Locale = strawberry.field(description="Their language.")
    enrolled_at: datetime | None = strawberry.field(description="Since when they are a member; null: not one yet.")
    version: int = strawberry.field(description="For `updateProfile`: which version of the profile this is.")

    @strawberry.field(description="Their e-mail address, if they have one.")
    async def email(self, info: Info) -> str | None:
        """Return the verified one, else the oldest."""
        return await email_shown(info.context, self.customer.id)

    @strawberry.field(description="What they have, one wallet per unit of the programme.", directives=[Cost(rows=20)])
    async def wallets(self, info: Info) -> list[Wallet]:
        """Return all wallets, the main unit's first."""
        return await wallets_shown(info.context, self.customer.id, self.customer.shop_id)

    @strawberry.field(description="What they have in one unit; absent: the programme's first.")
    async def wallet(self, info: Info, unit: UnitCode = None) -> Wallet:
        """Return one wallet."""
        wallets = await wallets_shown(info.context, self.customer.id, self.customer.shop_id)
        found = wallets[0] if unit is None else next((one for one in wallets if one.unit == unit), None)
        if found is None:
            raise NotFound(what="unit")
        return found

    @strawberry.field(description="Where they stand in the tiers; null where the programme has none.")
    def tier(self) -> TierStanding | None:
        """No programme document has tiers yet."""
        return None

    @strawberry.field(description="Their history, newest first. With `unit` only that unit's.")
    async def entries(self, info: Info, first: First, after: After = None, unit: UnitCode = None) -> Connection[Entry]:
        """Return a page of entries, with those of customers merged into this one."""
        return await entries_connection(info.context, self.customer.id, first, after, unit)

    @strawberry.field(description="The rewards they hold or held, newest first.")
    async def entitlements(self, info: Info, first: First, after: After = None) -> Connection[Entitlement]:
        """Return a page of entitlements."""
        return await entitlements_connection(info, self.customer.id, first, after)

    @classmethod
    def of(cls, customer: Customer) -> "Member":
        """Show a customer to themselves."""
        name = " ".join(part for part in (customer.first_name, customer.last_name) if part)
        return cls(
            id=encoded("Member", customer.id),
            customer=customer,
            member_number=customer.member_number,
            display_name=name or customer.member_number,
            first_name=customer.first_name,
            last_name=customer.last_name,
            birthday=customer.birthday,
            locale=Locale(customer.locale),
            enrolled_at=customer.enrolled_at,
            version=customer.version,
        )


async def member_node(info: Info, customer_id: UUID) -> Member | None:
    """Return the member, if it is the one who asks."""
    actor = info.context.actor
    if actor.customer_id != customer_id:
        return None
    customer = await lookup.customer_with_id(actor, customer_id)
    return Member.of(customer) if customer else None


async def own_entry_node(info: Info, entry_id: UUID) -> Entry | None:
    """Return the entry, if it is of the one who asks."""
    entry = await entry_shown(info.context, entry_id)
    return entry if entry and await _is_own(info, entry.facts.customer_id) else None


async def own_entitlement_node(info: Info, entitlement_id: UUID) -> Entitlement | None:
    """Return the entitlement, if it is of the one who asks."""
    held = await held_reward(info.context, entitlement_id)
    return Entitlement.of(held, info.context.language) if held and await _is_own(info, held.customer_id) else None


async def _is_own(info: Info, customer_id: UUID) -> bool:
    own = info.context.actor.customer_id
    if own is None:
        return False
    loader: DataLoader[UUID, list[UUID]] = info.context.loader(_families)
    return customer_id in await loader.load(own)


@strawberry.type
class MemberQuery:
    """Questions about the one who asks."""

    @strawberry.field(description="The signed-in member; null when nobody is signed in.")
    async def me(self, info: Info) -> Member | None:
        """Return who asks."""
        actor = info.context.actor
        if actor.customer_id is None:
            return None
        customer = await lookup.customer_with_id(actor, actor.customer_id)
        return Member.of(customer) if customer else None


@strawberry.input(description="Who wants to become a member.")
class EnrolInput:
    """What a front end may tell."""

    email: str | None = strawberry.field(default=None, description="E-mail address.")
    phone: str | None = strawberry.field(default=None, description="Phone number.")
    first_name: str = strawberry.field(default="", description="First name.")
    last_name: str = strawberry.field(default="", description="Last name.")
    locale: Locale | None = strawberry.field(default=None, description="Language; absent: the shop's.")
    birthday: date | None = strawberry.field(default=None, description="Birthday.")


@strawberry.type(description="The membership stands. Who it is, is told only to whom it may be told.")
class Enrolled:
    """A member, new or known."""

    member: Member | None = strawberry.field(
        description="The member; null where the asker has not proved who they are: sign in to see them."
    )


EnrolResult = Annotated[
    Enrolled | IdentifierInvalid | IdentifierTaken | PlainRefusals,
    strawberry.union("EnrolResult", description="What enrolling came to."),
]


@strawberry.input(description="Changes to one's own profile.")
class UpdateProfileInput(ProfileChangesInput):
    """What a customer may change."""

    expected_version: int | None = strawberry.field(
        default=None, description="The version the change was made to; a newer one refuses it."
    )


@strawberry.type(description="The profile as it stands now.")
class ProfileUpdated:
    """A changed profile."""

    member: Member = strawberry.field(description="The member.")


UpdateProfileResult = Annotated[
    ProfileUpdated | IdentifierInvalid | IdentifierTaken | VersionConflict | BirthdayLocked | PlainRefusals,
    strawberry.union("UpdateProfileResult", description="What changing a profile came to."),
]


@strawberry.type
class MemberMutation:
    """What somebody can do with their own membership."""

    @strawberry.mutation(
        description="Become a member. Known or new, the answer tells a stranger nothing about anybody."
    )
    async def enrol(self, info: Info, input: EnrolInput) -> EnrolResult:
        """Enrol whoever stands before the shop's front end."""
        context = info.context
        done = await enrolment.enrol(
            enrolment.Application(
                email=input.email,
                phone=input.phone,
                first_name=input.first_name,
                last_name=input.last_name,
                locale=input.locale,
                birthday=input.birthday,
            ),
            shop=await shop_asked(info),
            actor=context.actor,
            address=context.network_address,
            now=context.now,
        )
        if done.customer_id is None:
            return Enrolled(member=None)
        customers = await lookup.customers_by_id([done.customer_id])
        return Enrolled(member=Member.of(customers[done.customer_id]))

    @strawberry.mutation(description="Change one's own profile.")
    async def update_profile(self, info: Info, input: UpdateProfileInput) -> UpdateProfileResult:
        """Change what is given."""
        context = info.context
        customer = await profile.update_customer(
            context.actor,
            me_id(info),
            input.changes(),
            shop=await shop_asked(info),
            expected_version=input.expected_version,
            now=context.now,
        )
        return ProfileUpdated(member=Member.of(customer))
