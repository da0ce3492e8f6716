"""Become a member: by a front end, by staff, or by a first purchase.

Whoever is a member already stays the member they are. What a stranger may learn of that is nothing: enrolling in
public answers the same, and does as much, whether the address was known or not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from loyalty import transactions
from loyalty.access import Actor, ActorKind, NotPermitted, Permission, require
from loyalty.audit import trail
from loyalty.customers.details import checked_birthday, checked_locale, checked_name
from loyalty.customers.identifiers import Identifier, IdentifierKind, IdentifierTaken, normalised
from loyalty.customers.lookup import FoundCustomer, customers_by_identifiers, holder_of
from loyalty.customers.profile import add_identifier, locked_customer, refresh_search_text
from loyalty.customers.registration import NewCustomer, new_customer, register, verify_identifiers
from loyalty.customers.sign_in import Claimant
from loyalty.identity import new_id
from loyalty.once.answers import Answer, Once, answered
from loyalty.refusals import Invalid
from loyalty.shops.catalogue import ShopFacts
from loyalty.throttles.attempts import attempt

STRANGERS_PER_HOUR = 1_000


@dataclass(frozen=True, kw_only=True)
class Application:
    """Who wants to be a member. Identifiers as people write them; `external_id` is the shop's own customer id."""

    email: str | None = None
    phone: str | None = None
    card: str | None = None
    barcode: str | None = None
    external_id: str | None = None
    first_name: str = ""
    last_name: str = ""
    locale: str | None = None
    birthday: date | None = None
    email_verified: bool = False
    phone_verified: bool = False
    """Whether the customer has proved that the address or number is theirs; a shop's server may vouch for it."""


@dataclass(frozen=True)
class Enrolled:
    """The member, and whether they became one just now. Both None where the asker may not know."""

    customer_id: UUID | None
    is_new: bool | None


async def enrol(
    application: Application, *, shop: ShopFacts, actor: Actor, address: str | None = None, now: datetime
) -> Enrolled:
    """Enrol whoever stands before the shop's front end.

    A signed-in customer becomes a member. A claimant, whom the shop's own token vouches for, is found or made by the
    shop's id for them. Anybody else names an e-mail or a phone, and the answer says nothing: who they are is shown
    when they have signed in. What of the application is somebody else's already is then left out. Strangers are
    counted by their network `address`: a thousand an hour, as a whole shop may stand behind one.

    Raises:
        NotPermitted: the actor is not a customer to be, or claims a card, a barcode, or an id of another shop.
        Invalid: there is neither e-mail nor phone; or a value cannot be what it is meant to be.
        IdentifierInvalid: an identifier cannot be one of its kind.
        IdentifierTaken: the shop vouches for a new customer whose e-mail or phone is somebody else's.
        Throttled: too many strangers came from this address.
    """
    if actor.kind not in (ActorKind.PUBLIC, ActorKind.CUSTOMER) or _claims_too_much(application):
        raise NotPermitted(permission=Permission.CUSTOMERS_WRITE)
    if actor.customer_id is not None:
        return await _become_member(actor.customer_id, now=now)
    if isinstance(actor, Claimant):
        if actor.shop_id != shop.id:
            raise NotPermitted(permission=Permission.CUSTOMERS_WRITE)
        vouched = _newcomer(replace(application, external_id=actor.claimed_external_id), shop, now=now)
        return await transactions.in_one_transaction(lambda: _enrol_vouched(vouched, now=now))
    new = _newcomer(application, shop, now=now)
    if not new.identifiers:
        raise Invalid(field="email", problem="blank")
    if address is not None:
        await attempt("enrol-address", address, limit=STRANGERS_PER_HOUR, window=timedelta(hours=1), now=now)
    return await transactions.in_one_transaction(lambda: _enrol_in_public(new, now=now))


def _claims_too_much(application: Application) -> bool:
    return any(one is not None for one in (application.external_id, application.card, application.barcode))


async def enrol_customer(
    application: Application, *, shop: ShopFacts, actor: Actor, once: Once | None = None, now: datetime
) -> Answer[Enrolled]:
    """Enrol a customer for them: at the till, in the console, or by the shop's server.

    If any identifier is known, that customer is the member, and the application's other identifiers become theirs;
    names and birthday are not written over. Enrolling the same person again therefore does nothing; a key is welcome
    all the same. Without identifiers a new member has a member number alone. A shop's server may vouch that an address
    or number is the customer's: it is verified then, and signs them in.

    Raises:
        NotPermitted: the actor may not write customers, or is a person and vouches.
        Invalid: a value cannot be what it is meant to be; `field` names it.
        IdentifierInvalid: an identifier cannot be one of its kind.
        IdentifierTaken: the identifiers belong to more than one customer.
        IdempotencyMismatch: the key was used before with another application.
    """
    require(actor, Permission.CUSTOMERS_WRITE)
    new = _newcomer(application, shop, now=now)
    through = "staff" if actor.kind is ActorKind.STAFF else "server"
    vouched = _vouched(application, new, actor)

    async def effects() -> Enrolled:
        enrolled = await _find_or_register(new, through=through, now=now)
        assert enrolled.customer_id is not None
        await verify_identifiers(enrolled.customer_id, vouched, now=now)
        await trail.record(
            actor,
            "customer.enrolled",
            subject_kind="customer",
            subject_id=enrolled.customer_id,
            customer_id=enrolled.customer_id,
            after={"is_new": enrolled.is_new},
            now=now,
        )
        return enrolled

    if once is None:
        return Answer(await transactions.in_one_transaction(effects), replayed=False)
    return await answered(once, "enrol_customer", actor, effects, shape=Enrolled, now=now)


async def members_for_orders(
    identifiers: Iterable[Identifier], shop: ShopFacts, *, through: str = "order", now: datetime
) -> dict[tuple[str, str, str], UUID | None]:
    """Return whose the orders are that name these identifiers, by each identifier's `place`.

    Who is unknown, or not a member yet, is enrolled where the shop enrols automatically. None stands for nobody:
    the order is a bearer receipt, or, named by a member number, refused, as nobody is enrolled by one.
    Inside a transaction the customers cannot be merged away until it ends.
    """
    asked = list(dict.fromkeys(identifiers))

    async def effects() -> dict[tuple[str, str, str], UUID | None]:
        found = await customers_by_identifiers(asked, held=True)
        if shop.enrols_automatically:
            await _enrol_known([one.id for one in found.values() if not one.is_member], through=through, now=now)
            unknown = (one for one in asked if one not in found and one.kind is not IdentifierKind.MEMBER_NUMBER)
            found |= await enrol_many(unknown, shop=shop, through=through, now=now)
        return {one.place: found[one].id if one in found else None for one in asked}

    return await transactions.in_one_transaction(effects)


def _vouched(application: Application, new: NewCustomer, actor: Actor) -> list[Identifier]:
    kinds = {
        kind
        for kind, told in (
            (IdentifierKind.EMAIL, application.email_verified),
            (IdentifierKind.PHONE, application.phone_verified),
        )
        if told
    }
    if kinds and actor.kind not in (ActorKind.KEY, ActorKind.SYSTEM):
        raise NotPermitted(permission=Permission.CUSTOMERS_WRITE)
    return [one for one in new.identifiers if one.kind in kinds]


async def enrol_many(
    identifiers: Iterable[Identifier], *, shop: ShopFacts, through: str = "order", now: datetime
) -> dict[Identifier, FoundCustomer]:
    """Enrol the customers behind these identifiers, who are unknown, and return them.

    One statement for hundreds, and a second one if somebody else enrolled some of them at the same moment: those are
    returned as they stand. Member numbers cannot be asked for: they are given.
    """
    new = {one: new_customer(one, shop, now=now) for one in dict.fromkeys(identifiers)}
    if not new:
        return {}

    async def effects() -> dict[Identifier, FoundCustomer]:
        made = await register(list(new.values()), through=through, now=now)
        known = await customers_by_identifiers((one for one in new if new[one].id not in made), held=True)
        return {one: known[one] if one in known else FoundCustomer(new[one].id, is_member=True) for one in new}

    return await transactions.in_one_transaction(effects)


async def _enrol_known(customer_ids: Sequence[UUID], *, through: str, now: datetime) -> bool:
    """Make members of customers who are none yet; tell whether there was any."""
    if not customer_ids:
        return False
    enrolled = await transactions.rows(
        "UPDATE customer SET enrolled_at = $2, enrolled_through = $3, updated_at = $2"
        " WHERE id = ANY($1::uuid[]) AND enrolled_at IS NULL RETURNING id",
        sorted(customer_ids),
        now,
        through,
    )
    return bool(enrolled)


async def _become_member(customer_id: UUID, *, now: datetime) -> Enrolled:
    holder_id = await holder_of(customer_id)
    return Enrolled(holder_id, is_new=await _enrol_known([holder_id], through="storefront", now=now))


async def _enrol_vouched(new: NewCustomer, *, now: datetime) -> Enrolled:
    found = await customers_by_identifiers(new.identifiers, held=True)
    if (known := found.get(new.identifiers[0])) is not None:
        return Enrolled(known.id, is_new=await _enrol_known([known.id], through="storefront", now=now))
    # The shop vouches for its own id only: an address somebody has here does not make the two one person.
    for taken in found:
        raise IdentifierTaken(kind=taken.kind)
    return await _registered(new, through="storefront", now=now)


async def _enrol_in_public(new: NewCustomer, *, now: datetime) -> Enrolled:
    first, *others = new.identifiers
    taken = await customers_by_identifiers(new.identifiers)
    free = replace(new, identifiers=[first, *(one for one in others if one not in taken)])
    if not await register([free], through="storefront", now=now):
        # Nothing changes, but this transaction too has written and waits for the disk.
        await transactions.rows(
            "UPDATE customer_identifier SET value = value WHERE kind = $1 AND scope = $2 AND value_key = $3",
            *first.place,
        )
    return Enrolled(None, None)


async def _find_or_register(new: NewCustomer, *, through: str, now: datetime) -> Enrolled:
    found = await customers_by_identifiers(new.identifiers, held=True)
    if not found:
        return await _registered(new, through=through, now=now)
    known = found[next(one for one in new.identifiers if one in found)]
    for one, owner in found.items():
        if owner.id != known.id:
            raise IdentifierTaken(kind=one.kind)
    await _adopt(known.id, [one for one in new.identifiers if one not in found], now=now)
    return Enrolled(known.id, is_new=await _enrol_known([known.id], through=through, now=now))


async def _registered(new: NewCustomer, *, through: str, now: datetime) -> Enrolled:
    if not await register([new], through=through, now=now):
        raise transactions.Conflict  # somebody was faster: start again and find them
    return Enrolled(new.id, is_new=True)


async def _adopt(customer_id: UUID, identifiers: Sequence[Identifier], *, now: datetime) -> None:
    if not identifiers:
        return
    customer = await locked_customer(customer_id)
    try:
        for identifier in identifiers:
            await add_identifier(customer.id, identifier, now=now)
    except IdentifierTaken as taken:
        # Nobody had it a moment ago: start again and see whether it is this customer's by now, or somebody else's.
        raise transactions.Conflict from taken
    await refresh_search_text(customer)
    customer.version += 1
    customer.updated_at = now
    await customer.save()


def _newcomer(application: Application, shop: ShopFacts, *, now: datetime) -> NewCustomer:
    written = {
        IdentifierKind.EXTERNAL: application.external_id,
        IdentifierKind.EMAIL: application.email,
        IdentifierKind.PHONE: application.phone,
        IdentifierKind.CARD: application.card,
        IdentifierKind.BARCODE: application.barcode,
    }
    birthday = application.birthday
    return NewCustomer(
        id=new_id(now),
        shop=shop,
        identifiers=[normalised(kind, value, shop=shop) for kind, value in written.items() if value is not None],
        first_name=checked_name("first_name", application.first_name),
        last_name=checked_name("last_name", application.last_name),
        locale=shop.language if application.locale is None else checked_locale(application.locale),
        birthday=None if birthday is None else checked_birthday(birthday, now=now),
    )
