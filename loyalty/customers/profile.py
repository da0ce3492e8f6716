"""What stands about a customer, and how it is changed: names, language, birthday, the ways to find them.

A birthday is set once and changed once a year, whoever asks; later rules let it count after a cool-off.
A new e-mail or phone is unverified, so it signs nobody in until it is proved.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Final
from uuid import UUID

from tortoise.exceptions import IntegrityError

from loyalty import transactions
from loyalty.access import Actor, ActorKind, NotPermitted, Permission, require
from loyalty.audit import trail
from loyalty.customers.details import checked_birthday, checked_locale, checked_name
from loyalty.customers.identifiers import Identifier, IdentifierKind, IdentifierTaken, normalised
from loyalty.customers.models import Customer, CustomerIdentifier
from loyalty.customers.search import searchable
from loyalty.identity import new_id
from loyalty.refusals import NotFound, Refusal
from loyalty.shops.catalogue import ShopFacts
from loyalty.shops.days import add_months, local_date
from loyalty.throttles.attempts import attempt

BIRTHDAY_KEPT_MONTHS = 12


class VersionConflict(Refusal):
    """The customer was changed since the asker read them, at `changed_at` (ISO 8601); `version` is the present one."""

    code = "VERSION_CONFLICT"
    stored = False

    def __init__(self, *, expected_version: int, version: int, changed_at: str) -> None:
        super().__init__(expected_version=expected_version, version=version, changed_at=changed_at)


class BirthdayLocked(Refusal):
    """The birthday was set less than a year ago; `changeable_on` is the first day, in the shop's zone, to change it."""

    code = "BIRTHDAY_LOCKED"
    stored = False

    def __init__(self, *, changeable_on: str) -> None:
        super().__init__(changeable_on=changeable_on)


class _Unchanged(Enum):
    UNCHANGED = "unchanged"


UNCHANGED: Final = _Unchanged.UNCHANGED
"""What a change says of a field it leaves alone; None empties one that may be empty."""


@dataclass(frozen=True, kw_only=True)
class ProfileChanges:
    """What to change. An identifier replaces those of its kind; `external_id` is the asking shop's own."""

    first_name: str | _Unchanged = UNCHANGED
    last_name: str | _Unchanged = UNCHANGED
    locale: str | _Unchanged = UNCHANGED
    birthday: date | _Unchanged | None = UNCHANGED
    email: str | _Unchanged | None = UNCHANGED
    phone: str | _Unchanged | None = UNCHANGED
    card: str | _Unchanged | None = UNCHANGED
    barcode: str | _Unchanged | None = UNCHANGED
    external_id: str | _Unchanged | None = UNCHANGED


_IDENTIFIERS = {
    "email": IdentifierKind.EMAIL,
    "phone": IdentifierKind.PHONE,
    "card": IdentifierKind.CARD,
    "barcode": IdentifierKind.BARCODE,
    "external_id": IdentifierKind.EXTERNAL,
}
_TELLING = frozenset({"email", "phone"})
"""Whether one of these is taken tells who is a customer: so the tries are counted."""
TELLING_PER_HOUR = 20
_FOR_STAFF_ONLY = frozenset({"card", "barcode", "external_id"})


async def update_customer(
    actor: Actor,
    customer_id: UUID,
    changes: ProfileChanges,
    *,
    shop: ShopFacts,
    expected_version: int | None = None,
    now: datetime,
) -> Customer:
    """Change a customer's profile and return it as it stands then.

    Customers change their own, except cards, barcodes and shops' ids. `shop` says whose phone numbers and ids are
    meant. With `expected_version` nobody's change meanwhile is written over. What changes nothing makes no version.

    Raises:
        NotPermitted: the actor may not change this customer, or not these fields.
        NotFound: there is no such customer.
        VersionConflict: the customer was changed meanwhile.
        Invalid: a value cannot be what it is meant to be; `field` names it.
        IdentifierInvalid: an identifier cannot be one of its kind.
        IdentifierTaken: an identifier belongs to another customer.
        BirthdayLocked: the birthday was set less than a year ago.
        Throttled: the customer tried too many addresses or numbers.
    """
    require(actor, Permission.CUSTOMERS_WRITE, of=customer_id)
    asked = {name.name: value for name in fields(changes) if (value := getattr(changes, name.name)) is not UNCHANGED}
    if actor.kind is ActorKind.CUSTOMER and not _FOR_STAFF_ONLY.isdisjoint(asked):
        raise NotPermitted(permission=Permission.CUSTOMERS_WRITE)
    checked = _checked(asked, shop, now=now)
    if actor.kind is ActorKind.CUSTOMER and not _TELLING.isdisjoint(asked):
        await attempt(
            "profile-identifier", str(customer_id), limit=TELLING_PER_HOUR, window=timedelta(hours=1), now=now
        )

    async def effects() -> Customer:
        customer = await locked_customer(customer_id)
        if expected_version is not None and expected_version != customer.version:
            raise VersionConflict(
                expected_version=expected_version,
                version=customer.version,
                changed_at=customer.updated_at.isoformat(),
            )
        changed = _change_columns(customer, checked, shop=shop, now=now)
        changed += await _replace_identifiers(customer, checked, shop=shop, now=now)
        if changed:
            await _write(customer, changed, actor=actor, now=now)
        return customer

    return await transactions.in_one_transaction(effects)


async def locked_customer(customer_id: UUID) -> Customer:
    """Return the customer, or the one they were merged into, locked until the transaction ends.

    Raises:
        NotFound: there is no such customer.
    """
    customer = await Customer.filter(id=customer_id).select_for_update(no_key=True).first()
    if customer is not None and customer.merged_into_id is not None:
        return await locked_customer(customer.merged_into_id)
    if customer is None:
        raise NotFound(what="customer")
    return customer


async def refresh_search_text(customer: Customer) -> None:
    """Set, without saving, the customer's `search_text` from their names and identifiers as they stand."""
    stored = await CustomerIdentifier.filter(customer_id=customer.id).order_by("created_at", "id")
    identifiers = [Identifier(IdentifierKind(one.kind), one.value_key, one.scope) for one in stored]
    customer.search_text = searchable((customer.last_name, customer.first_name), identifiers)


def _checked(asked: Mapping[str, object], shop: ShopFacts, *, now: datetime) -> dict[str, object]:
    """Return what is asked, in the form in which it is stored."""
    checked: dict[str, object] = {}
    for name, value in asked.items():
        if name in ("first_name", "last_name"):
            checked[name] = checked_name(name, str(value))
        elif name == "locale":
            checked[name] = checked_locale(str(value))
        elif isinstance(value, date):
            checked[name] = checked_birthday(value, now=now)
        else:
            checked[name] = value if value is None else normalised(_IDENTIFIERS[name], str(value), shop=shop)
    return checked


def _change_columns(customer: Customer, checked: Mapping[str, object], *, shop: ShopFacts, now: datetime) -> list[str]:
    """Set what differs, and return the names of it."""
    columns = ("first_name", "last_name", "locale", "birthday")
    changed = [name for name in columns if name in checked and checked[name] != getattr(customer, name)]
    if "birthday" in changed and checked["birthday"] is not None:
        _require_unlocked_birthday(customer, shop=shop, now=now)
        customer.birthday_set_at = now
    for name in changed:
        setattr(customer, name, checked[name])
    return changed


def _require_unlocked_birthday(customer: Customer, *, shop: ShopFacts, now: datetime) -> None:
    # The moment stays when the birthday is emptied, so emptying it is no way round the year.
    if customer.birthday_set_at is None:
        return
    changeable_on = add_months(local_date(customer.birthday_set_at, shop.time_zone), BIRTHDAY_KEPT_MONTHS)
    if local_date(now, shop.time_zone) < changeable_on:
        raise BirthdayLocked(changeable_on=changeable_on.isoformat())


async def _replace_identifiers(
    customer: Customer, checked: Mapping[str, object], *, shop: ShopFacts, now: datetime
) -> list[str]:
    """Let each identifier take the place of those of its kind, and return the names of those that changed."""
    changed = []
    for name, kind in _IDENTIFIERS.items():
        if name in checked:
            new = checked[name]
            assert new is None or isinstance(new, Identifier)
            scope = str(shop.id) if kind is IdentifierKind.EXTERNAL else ""
            present = await CustomerIdentifier.filter(customer_id=customer.id, kind=kind.value, scope=scope)
            if await _replace(customer.id, present, new, now=now):
                changed.append(name)
    return changed


async def _replace(
    customer_id: UUID, present: list[CustomerIdentifier], new: Identifier | None, *, now: datetime
) -> bool:
    stays = [one.id for one in present if new is not None and one.value_key == new.value_key]
    goes = [one.id for one in present if one.id not in stays]
    if goes:
        await CustomerIdentifier.filter(id__in=goes).delete()
    if new is not None and not stays:
        await add_identifier(customer_id, new, now=now)
    return bool(goes) or (new is not None and not stays)


async def add_identifier(customer_id: UUID, identifier: Identifier, *, now: datetime) -> None:
    """Give the customer one more identifier, unverified, in the open transaction.

    Raises:
        IdentifierTaken: somebody has it.
    """
    try:
        await CustomerIdentifier.create(
            id=new_id(now),
            customer_id=customer_id,
            kind=identifier.kind.value,
            scope=identifier.scope,
            value=identifier.value,
            value_key=identifier.value_key,
            created_at=now,
        )
    except IntegrityError as error:
        if transactions.violated_constraint(error) == "customer_identifier_value":
            raise IdentifierTaken(kind=identifier.kind) from error
        raise


async def _write(customer: Customer, changed: list[str], *, actor: Actor, now: datetime) -> None:
    await refresh_search_text(customer)
    customer.version += 1
    customer.updated_at = now
    await customer.save()
    await trail.record(
        actor,
        "customer.updated",
        subject_kind="customer",
        subject_id=customer.id,
        customer_id=customer.id,
        after={name: customer.locale if name == "locale" else True for name in changed},
        now=now,
    )
