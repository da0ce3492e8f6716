"""What both schemas take and refuse about customers."""

from dataclasses import fields
from datetime import date, datetime
from enum import Enum
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from loyalty.customers import identifiers, lookup, profile
from loyalty.customers.identifiers import IdentifierKind as Kind
from loyalty.customers.models import CustomerIdentifier
from loyalty.refusals import Invalid
from schema.context import Context
from schema.refusals import Refusal, face_of


@strawberry.enum(description="The ways to find a customer.")
class IdentifierKind(Enum):
    """The kinds of `loyalty.customers.identifiers`."""

    EMAIL = Kind.EMAIL.value
    PHONE = Kind.PHONE.value
    CARD = Kind.CARD.value
    BARCODE = Kind.BARCODE.value
    EXTERNAL = Kind.EXTERNAL.value
    MEMBER_NUMBER = Kind.MEMBER_NUMBER.value


@strawberry.input(description="A customer by one of their identifiers.")
class IdentifierInput:
    """One identifier."""

    kind: IdentifierKind = strawberry.field(description="What the value is.")
    value: str = strawberry.field(description="The value as people write it; spaces and case do not matter.")


async def _identifiers(customer_ids: list[UUID]) -> list[list[CustomerIdentifier]]:
    found = await lookup.identifiers_of(customer_ids)
    return [found[customer_id] for customer_id in customer_ids]


async def identifiers_shown(context: Context, customer_id: UUID) -> list[CustomerIdentifier]:
    """Return the customer's identifiers, of each kind the verified ones first; loaded with others of the request."""
    loader: DataLoader[UUID, list[CustomerIdentifier]] = context.loader(_identifiers)
    return await loader.load(customer_id)


async def email_shown(context: Context, customer_id: UUID) -> str | None:
    """Return the customer's e-mail address, a verified one first."""
    found = await identifiers_shown(context, customer_id)
    return next((one.value for one in found if one.kind == Kind.EMAIL), None)


@face_of(identifiers.IdentifierInvalid)
class IdentifierInvalid(Refusal):
    """Paired with the rule of the same name."""

    kind: str = strawberry.field(description="Which identifier: email, phone, card, …")


@face_of(identifiers.IdentifierTaken)
class IdentifierTaken(Refusal):
    """Paired with the rule of the same name."""

    kind: str = strawberry.field(description="Which identifier.")


@face_of(profile.VersionConflict)
class VersionConflict(Refusal):
    """Paired with the rule of the same name."""

    expected_version: int = strawberry.field(description="The version the change was made to.")
    version: int = strawberry.field(description="The present version.")
    changed_at: datetime = strawberry.field(description="When it was changed.")


@face_of(profile.BirthdayLocked)
class BirthdayLocked(Refusal):
    """Paired with the rule of the same name."""

    changeable_on: date = strawberry.field(description="The first day on which it can be changed again.")


@strawberry.input(description="Changes to a profile. What is absent stays as it is; null empties what may be empty.")
class ProfileChangesInput:
    """PATCH semantics: `strawberry.Maybe` tells absent from null."""

    first_name: strawberry.Maybe[str | None] = strawberry.field(description="First name; empty or null to remove it.")
    last_name: strawberry.Maybe[str | None] = strawberry.field(description="Last name; empty or null to remove it.")
    locale: strawberry.Maybe[str | None] = strawberry.field(description="Language: en, nb, sv, pl or et; not null.")
    birthday: strawberry.Maybe[date | None] = strawberry.field(description="Birthday; once a year at most.")
    email: strawberry.Maybe[str | None] = strawberry.field(description="E-mail address; it is unverified then.")
    phone: strawberry.Maybe[str | None] = strawberry.field(description="Phone number; it is unverified then.")

    def changes(self) -> profile.ProfileChanges:
        """Return what is to change.

        Raises:
            Invalid: the language is null.
        """
        names = {field.name for field in fields(profile.ProfileChanges)}
        given = {name: some.value for name in names if isinstance(some := getattr(self, name, None), strawberry.Some)}
        if given.get("locale", "") is None:
            raise Invalid(field="locale", problem="blank")
        for name in ("first_name", "last_name"):
            if name in given:
                given[name] = given[name] or ""
        return profile.ProfileChanges(**given)
