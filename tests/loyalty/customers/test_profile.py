"""What may be changed about a customer, by whom, and how often."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from loyalty.access import Actor, NotPermitted, Role
from loyalty.audit.models import AuditRecord
from loyalty.customers.identifiers import IdentifierInvalid, IdentifierTaken
from loyalty.customers.models import Customer, CustomerIdentifier
from loyalty.customers.profile import BirthdayLocked, ProfileChanges, VersionConflict, update_customer
from loyalty.customers.search import search
from loyalty.identity import new_id
from loyalty.refusals import Invalid, NotFound
from loyalty.shops.catalogue import ShopFacts, shop_by_id
from tests.support.customers import a_customer, a_member_of_staff, everybody, identifiers_by_kind
from tests.support.shops import a_shop

SUPPORT = a_member_of_staff(Role.SUPPORT)


async def the_shop(customer: Customer) -> ShopFacts:
    return await shop_by_id(customer.shop_id)


async def changed(customer: Customer, *, now: datetime, actor: Actor = SUPPORT, **changes: Any) -> Customer:
    return await update_customer(actor, customer.id, ProfileChanges(**changes), shop=await the_shop(customer), now=now)


async def everything(customer: Customer) -> tuple[object, ...]:
    identifiers = await CustomerIdentifier.filter(customer_id=customer.id).order_by("id").values()
    return (await Customer.filter(id=customer.id).values(), identifiers, await AuditRecord.all().count())


@pytest.mark.parametrize(
    ("first_name", "last_name", "locale"),
    [
        ("Anne", "Smith", "en"),
        ("Bjørn", "Ærøskjær", "nb"),
        ("Åsa", "Öström", "sv"),
        ("Łucja", "Żółć", "pl"),
        ("Õnne", "Šmõuš-Üürike", "et"),
    ],
)
async def test_a_name_is_kept_as_it_is_written(
    database: str, now: datetime, first_name: str, last_name: str, locale: str
) -> None:
    customer = await a_customer()

    updated = await changed(customer, first_name=f" {first_name} ", last_name=last_name, locale=locale, now=now)

    stored = await Customer.get(id=customer.id)
    assert (stored.first_name, stored.last_name, stored.locale) == (first_name, last_name, locale)
    assert (updated.version, stored.version) == (2, 2)
    assert stored.updated_at == now


async def test_a_changed_name_is_found_and_the_old_one_is_not(database: str, now: datetime) -> None:
    customer = await a_customer(first_name="Kari", email="kari@example.com")

    await changed(customer, first_name="Łucja", email="lu@example.com", now=now)

    assert [one.id for one in (await search(SUPPORT, text="lucja lu@", first=9)).customers] == [customer.id]
    assert (await search(SUPPORT, text="kari", first=9)).customers == []


async def test_norwegian_is_bokmal_however_it_is_asked_for(database: str, now: datetime) -> None:
    assert (await changed(await a_customer(), locale="no-NO", now=now)).locale == "nb"


async def test_what_changes_nothing_makes_no_version_and_no_record(database: str, now: datetime) -> None:
    customer = await a_customer(first_name="Kari", email="Kari@example.com", verified=True, birthday=date(1990, 2, 28))
    before = await everything(customer)

    await changed(customer, first_name="Kari ", email="kari@EXAMPLE.com", birthday=date(1990, 2, 28), now=now)

    assert await everything(customer) == before


async def test_a_new_email_and_phone_are_unverified_and_replace_the_old(database: str, now: datetime) -> None:
    customer = await a_customer(email="old@example.com", phone="512 34567", card="1111", verified=True)

    await changed(customer, email="New@example.com", phone="512 99999", now=now)

    assert await identifiers_by_kind(customer.id) == {
        "email": {"new@example.com"},
        "phone": {"+37251299999"},
        "card": {"1111"},
    }
    assert await CustomerIdentifier.filter(customer_id=customer.id, verified_at__not_isnull=True).count() == 0


async def test_an_address_that_stays_stays_verified(database: str, now: datetime) -> None:
    customer = await a_customer(email="kari@example.com", verified=True)

    await changed(customer, email="kari@example.com", first_name="Kari", now=now)

    assert await CustomerIdentifier.filter(customer_id=customer.id, verified_at__not_isnull=True).count() == 1


async def test_an_identifier_can_be_taken_away(database: str, now: datetime) -> None:
    customer = await a_customer(email="kari@example.com", phone="512 34567")

    updated = await changed(customer, email=None, now=now)

    assert await identifiers_by_kind(customer.id) == {"phone": {"+37251234567"}}
    assert updated.version == 2


async def test_a_shops_id_is_replaced_in_that_shop_alone(database: str, now: datetime) -> None:
    here, there = await a_shop(), await a_shop()
    customer = await a_customer(shop=here, external_id="here-1")
    await update_customer(SUPPORT, customer.id, ProfileChanges(external_id="there-1"), shop=there, now=now)

    await update_customer(SUPPORT, customer.id, ProfileChanges(external_id=None), shop=here, now=now)

    assert await identifiers_by_kind(customer.id) == {"external": {"there-1"}}


async def test_an_identifier_of_somebody_else_is_refused_without_saying_whose(database: str, now: datetime) -> None:
    await a_customer(email="taken@example.com")
    customer = await a_customer(email="kari@example.com")
    before = await everything(customer)

    with pytest.raises(IdentifierTaken) as refused:
        await changed(customer, first_name="Kari", email="Taken@example.com", now=now)

    assert refused.value.facts == {"kind": "email"}
    assert await everything(customer) == before


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"first_name": "x" * 101}, {"field": "first_name", "problem": "too_long", "line_number": None}),
        ({"last_name": "a\x00b"}, {"field": "last_name", "problem": "invalid", "line_number": None}),
        ({"last_name": "a\ud800"}, {"field": "last_name", "problem": "invalid", "line_number": None}),
        ({"locale": "tlh"}, {"field": "locale", "problem": "unknown", "line_number": None}),
        ({"birthday": date(1899, 12, 31)}, {"field": "birthday", "problem": "invalid", "line_number": None}),
        ({"birthday": date(2026, 3, 4)}, {"field": "birthday", "problem": "in_future", "line_number": None}),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(
    database: str, now: datetime, changes: dict[str, Any], facts: dict[str, Any]
) -> None:
    customer = await a_customer(first_name="Kari")
    before = await everything(customer)

    with pytest.raises(Invalid) as refused:
        await changed(customer, **{"email": "new@example.com", **changes}, now=now)

    assert refused.value.facts == facts
    assert await everything(customer) == before


async def test_an_identifier_that_cannot_be_one_changes_nothing(database: str, now: datetime) -> None:
    customer = await a_customer(first_name="Kari")
    before = await everything(customer)

    with pytest.raises(IdentifierInvalid):
        await changed(customer, first_name="Ola", phone="12", now=now)

    assert await everything(customer) == before


async def test_a_birthday_is_set_once_and_changed_after_a_year(database: str, now: datetime) -> None:
    customer = await a_customer()
    await changed(customer, birthday=date(1990, 5, 17), now=now)

    with pytest.raises(BirthdayLocked) as refused:
        await changed(customer, birthday=date(1990, 3, 3), first_name="Kari", now=now + timedelta(days=364))

    assert refused.value.facts == {"changeable_on": "2027-03-02"}
    stored = await Customer.get(id=customer.id)
    assert (stored.birthday, stored.first_name, stored.birthday_set_at) == (date(1990, 5, 17), "", now)

    updated = await changed(customer, birthday=date(1990, 3, 3), now=now + timedelta(days=365))
    assert (updated.birthday, updated.birthday_set_at) == (date(1990, 3, 3), now + timedelta(days=365))


async def test_emptying_a_birthday_is_no_way_round_the_year(database: str, now: datetime) -> None:
    customer = await a_customer()
    await changed(customer, birthday=date(1990, 5, 17), now=now)

    emptied = await changed(customer, birthday=None, now=now + timedelta(days=1))
    with pytest.raises(BirthdayLocked):
        await changed(customer, birthday=date(1990, 3, 3), now=now + timedelta(days=2))

    assert emptied.birthday is None


async def test_nobodys_change_is_written_over(database: str, now: datetime) -> None:
    customer = await a_customer()
    shop = await the_shop(customer)
    await changed(customer, first_name="Kari", now=now)

    with pytest.raises(VersionConflict) as refused:
        await update_customer(
            SUPPORT, customer.id, ProfileChanges(first_name="Ola"), shop=shop, expected_version=1, now=now
        )

    assert refused.value.facts == {"expected_version": 1, "version": 2, "changed_at": now.isoformat()}
    assert (await Customer.get(id=customer.id)).first_name == "Kari"


async def test_the_trail_names_the_fields_and_no_personal_value(database: str, now: datetime) -> None:
    customer = await a_customer()

    await changed(customer, first_name="Canary", email="canary@example.com", locale="et", now=now)

    [act] = await AuditRecord.all()
    assert (act.actor, act.action, act.subject_id) == (SUPPORT.reference, "customer.updated", str(customer.id))
    assert act.after == {"first_name": True, "locale": "et", "email": True}
    assert act.customer_id == customer.id


async def test_who_may_change_a_customer(database: str, now: datetime) -> None:
    customer = await a_customer(first_name="Kari")
    shop = await the_shop(customer)
    before = await everything(customer)
    allowed = {"customer", "admin", "support", "key that writes customers", "job"}

    for name, actor in everybody(customer.id).items():
        if name not in allowed:
            with pytest.raises(NotPermitted):
                await update_customer(actor, customer.id, ProfileChanges(first_name="Ola"), shop=shop, now=now)
    assert await everything(customer) == before

    for name, actor in everybody(customer.id).items():
        if name in allowed:
            updated = await update_customer(actor, customer.id, ProfileChanges(first_name=name), shop=shop, now=now)
            assert updated.first_name == name


@pytest.mark.parametrize("field", ["card", "barcode", "external_id"])
async def test_customers_give_themselves_no_cards_codes_or_shops_ids(database: str, now: datetime, field: str) -> None:
    customer = await a_customer()
    before = await everything(customer)

    with pytest.raises(NotPermitted):
        await changed(customer, actor=Actor.customer(customer.id), **{field: "123456"}, now=now)

    assert await everything(customer) == before


async def test_nobody_there_is_not_found(database: str, now: datetime) -> None:
    shop = await a_shop()

    with pytest.raises(NotFound):
        await update_customer(SUPPORT, new_id(now), ProfileChanges(first_name="Kari"), shop=shop, now=now)


async def test_changes_leave_alone_what_they_do_not_name() -> None:
    assert replace(ProfileChanges(), email=None) == ProfileChanges(email=None)
    assert ProfileChanges() != ProfileChanges(email=None)
