"""What both schemas take and refuse about customers."""

from dataclasses import fields
from datetime import date, datetime
from enum import Enum

import strawberry

from loyalty.customers import identifiers, profile
from loyalty.customers.identifiers import IdentifierKind as Kind
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

    first_name: strawberry.Maybe[str] = strawberry.field(description="First name; empty to remove it.")
    last_name: strawberry.Maybe[str] = strawberry.field(description="Last name; empty to remove it.")
    locale: strawberry.Maybe[str] = strawberry.field(description="Language: en, nb, sv, pl or et.")
    birthday: strawberry.Maybe[date | None] = strawberry.field(description="Birthday; once a year at most.")
    email: strawberry.Maybe[str | None] = strawberry.field(description="E-mail address; it is unverified then.")
    phone: strawberry.Maybe[str | None] = strawberry.field(description="Phone number; it is unverified then.")

    def changes(self) -> profile.ProfileChanges:
        """Return what is to change."""
        names = {field.name for field in fields(profile.ProfileChanges)}
        given = {name: some.value for name in names if isinstance(some := getattr(self, name, None), strawberry.Some)}
        return profile.ProfileChanges(**given)
