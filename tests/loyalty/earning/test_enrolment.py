"""Becoming a member: in front, by staff, by a first purchase; once each, whoever is faster."""

import asyncio
from dataclasses import astuple, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from loyalty import transactions
from loyalty.access import Actor, NotPermitted, Permission, Role
from loyalty.audit.models import AuditRecord
from loyalty.customers.identifiers import (
    Identifier,
    IdentifierInvalid,
    IdentifierKind,
    IdentifierTaken,
    luhn_check_digit,
    normalised,
)
from loyalty.customers.lookup import FoundCustomer, identifiers_of
from loyalty.customers.models import Customer, CustomerIdentifier
from loyalty.customers.search import search
from loyalty.customers.sign_in import Claimant
from loyalty.earning.enrolment import Application, Enrolled, enrol, enrol_customer, enrol_many, members_for_orders
from loyalty.identity import new_id
from loyalty.once.answers import IdempotencyMismatch, Once
from loyalty.refusals import Invalid, Refusal
from loyalty.shops.catalogue import ShopFacts
from tests.support.customers import a_customer, a_member_of_staff, an_email, everybody, identifiers_by_kind
from tests.support.shops import a_shop

SUPPORT = a_member_of_staff(Role.SUPPORT)
NOBODY_SAYS = Enrolled(None, None)


async def counted() -> tuple[int, int, int]:
    return (await Customer.all().count(), await CustomerIdentifier.all().count(), await AuditRecord.all().count())


async def by_email(value_key: str) -> Customer:
    identifier = await CustomerIdentifier.get(kind="email", value_key=value_key).select_related("customer")
    return identifier.customer


def card(number: str, shop: ShopFacts) -> Identifier:
    return normalised(IdentifierKind.CARD, number, shop=shop)


async def test_staff_enrol_a_customer(database: str, now: datetime) -> None:
    shop = await a_shop(language="et")
    application = Application(
        email="Kadri@example.com",
        phone="512 34567",
        card="1234 5678",
        external_id="web-1",
        first_name="Kadri",
        last_name="Õun",
        birthday=date(1990, 5, 17),
    )

    done = await enrol_customer(application, shop=shop, actor=SUPPORT, now=now)

    customer = await by_email("kadri@example.com")
    assert done.value == Enrolled(customer.id, is_new=True)
    assert (customer.first_name, customer.last_name, customer.locale) == ("Kadri", "Õun", "et")
    assert (customer.birthday, customer.birthday_set_at) == (date(1990, 5, 17), now)
    assert (customer.enrolled_at, customer.enrolled_through, customer.shop_id) == (now, "staff", shop.id)
    assert await identifiers_by_kind(customer.id) == {
        "email": {"kadri@example.com"},
        "phone": {"+37251234567"},
        "card": {"12345678"},
        "external": {"web-1"},
    }
    assert await CustomerIdentifier.filter(verified_at__not_isnull=True).count() == 0
    [act] = await AuditRecord.all()
    assert (act.action, act.customer_id, act.after) == ("customer.enrolled", customer.id, {"is_new": True})


async def test_a_member_gets_a_number_that_proves_itself_and_finds_them(database: str, now: datetime) -> None:
    shop = await a_shop()

    done = await enrol_customer(Application(), shop=shop, actor=SUPPORT, now=now)

    [customer] = await Customer.all()
    number = customer.member_number
    assert done.value.customer_id == customer.id
    assert len(number) == 10
    assert luhn_check_digit(number[:-1]) == number[-1]
    [identifier] = await CustomerIdentifier.all()
    assert (identifier.kind, identifier.value_key) == ("member_number", number)
    assert [one.id for one in (await search(SUPPORT, text=number[-4:], first=2)).customers] == [customer.id]


async def test_who_is_a_member_already_stays_the_member_they_are(database: str, now: datetime) -> None:
    shop = await a_shop()
    member = await a_customer(shop=shop, email="kari@example.com", first_name="Kari")

    done = await enrol_customer(
        Application(email="KARI@example.com", first_name="Somebody", card="1111"), shop=shop, actor=SUPPORT, now=now
    )

    assert done.value == Enrolled(member.id, is_new=False)
    stored = await Customer.get(id=member.id)
    assert (stored.first_name, stored.enrolled_at, stored.version) == ("Kari", member.enrolled_at, 2)
    assert await identifiers_by_kind(member.id) == {"email": {"kari@example.com"}, "card": {"1111"}}
    assert [one.id for one in (await search(SUPPORT, text="1111", first=2)).customers] == [member.id]


async def test_a_customer_who_is_no_member_becomes_one(database: str, now: datetime) -> None:
    shop = await a_shop()
    casual = await a_customer(shop=shop, email="kari@example.com", is_member=False)

    done = await enrol_customer(Application(email="kari@example.com"), shop=shop, actor=SUPPORT, now=now)

    assert done.value == Enrolled(casual.id, is_new=True)
    assert (await Customer.get(id=casual.id)).enrolled_at == now


async def test_identifiers_of_two_people_make_no_member(database: str, now: datetime) -> None:
    shop = await a_shop()
    await a_customer(shop=shop, email="kari@example.com")
    await a_customer(shop=shop, phone="512 34567")
    before = await counted()

    with pytest.raises(IdentifierTaken) as refused:
        await enrol_customer(
            Application(email="kari@example.com", phone="512 34567", card="1111"), shop=shop, actor=SUPPORT, now=now
        )

    assert refused.value.facts == {"kind": "phone"}
    assert await counted() == before


async def test_the_same_key_tells_the_same_answer(database: str, now: datetime) -> None:
    shop = await a_shop()
    application = Application(first_name="Kari")
    once = Once("key-1", application)

    first = await enrol_customer(application, shop=shop, actor=SUPPORT, once=once, now=now)
    again = await enrol_customer(application, shop=shop, actor=SUPPORT, once=once, now=now + timedelta(days=1))
    with pytest.raises(IdempotencyMismatch):
        other = replace(application, first_name="Ola")
        await enrol_customer(other, shop=shop, actor=SUPPORT, once=Once("key-1", other), now=now)

    assert (first.replayed, again.replayed) == (False, True)
    assert first.value == again.value
    assert await Customer.all().count() == 1


async def test_who_may_enrol_somebody_else(database: str, now: datetime) -> None:
    shop = await a_shop()
    someone = await a_customer(shop=shop)
    allowed = {"admin", "support", "key that writes customers", "job"}

    for name, actor in everybody(someone.id).items():
        application = Application(email=f"{name.replace(' ', '.')}@example.com")
        if name in allowed:
            assert (await enrol_customer(application, shop=shop, actor=actor, now=now)).value.is_new is True
        else:
            with pytest.raises(NotPermitted):
                await enrol_customer(application, shop=shop, actor=actor, now=now)

    assert await Customer.all().count() == 1 + len(allowed)


async def test_enrolling_in_public_answers_the_same_to_hit_and_miss(database: str, now: datetime) -> None:
    shop = await a_shop()
    member = await a_customer(shop=shop, email="known@example.com", first_name="Kari")
    casual = await a_customer(shop=shop, email="casual@example.com", is_member=False)
    public = Actor.public(shop_id=shop.id)

    for email in ("known@example.com", "casual@example.com", "new@example.com"):
        assert await enrol(Application(email=email, first_name="X"), shop=shop, actor=public, now=now) == NOBODY_SAYS

    assert (await by_email("known@example.com")).first_name == "Kari"
    assert (await Customer.get(id=member.id)).version == 1
    assert (await Customer.get(id=casual.id)).enrolled_at is None
    new = await by_email("new@example.com")
    assert (new.first_name, new.enrolled_at, new.enrolled_through) == ("X", now, "storefront")


async def test_enrolling_in_public_takes_nobodys_phone(database: str, now: datetime) -> None:
    shop = await a_shop()
    await a_customer(shop=shop, phone="512 34567")

    told = await enrol(
        Application(email="new@example.com", phone="512 34567"), shop=shop, actor=Actor.public(), now=now
    )

    assert told == NOBODY_SAYS
    assert await identifiers_by_kind((await by_email("new@example.com")).id) == {"email": {"new@example.com"}}


async def test_enrolling_in_public_needs_an_address(database: str, now: datetime) -> None:
    shop = await a_shop()

    with pytest.raises(Invalid) as refused:
        await enrol(Application(first_name="Kari"), shop=shop, actor=Actor.public(), now=now)

    assert refused.value.facts["field"] == "email"
    assert await Customer.all().count() == 0


@pytest.mark.parametrize("claim", [{"card": "1111"}, {"barcode": "1111"}, {"external_id": "web-1"}])
async def test_nobody_claims_a_card_a_code_or_a_shops_id_in_public(
    database: str, now: datetime, claim: dict[str, Any]
) -> None:
    shop = await a_shop()

    for actor in (Actor.public(), Claimant.of(shop, "web-2")):
        with pytest.raises(NotPermitted):
            await enrol(Application(email="kari@example.com", **claim), shop=shop, actor=actor, now=now)

    assert await Customer.all().count() == 0


async def test_a_shop_vouches_for_its_own_customer(database: str, now: datetime) -> None:
    shop = await a_shop()
    claimant = Claimant.of(shop, "web-1")
    application = Application(email="kari@example.com", first_name="Kari")

    first = await enrol(application, shop=shop, actor=claimant, now=now)
    again = await enrol(Application(), shop=shop, actor=claimant, now=now)

    customer = await by_email("kari@example.com")
    assert first == Enrolled(customer.id, is_new=True)
    assert again == Enrolled(customer.id, is_new=False)
    assert await identifiers_by_kind(customer.id) == {"email": {"kari@example.com"}, "external": {"web-1"}}


async def test_a_shop_does_not_vouch_for_an_address(database: str, now: datetime) -> None:
    shop = await a_shop()
    await a_customer(shop=shop, email="kari@example.com")
    before = await counted()

    with pytest.raises(IdentifierTaken) as refused:
        await enrol(Application(email="kari@example.com"), shop=shop, actor=Claimant.of(shop, "web-1"), now=now)

    assert refused.value.facts == {"kind": "email"}
    assert await counted() == before


async def test_a_shop_vouches_in_its_own_house_only(database: str, now: datetime) -> None:
    here, there = await a_shop(), await a_shop()

    with pytest.raises(NotPermitted):
        await enrol(Application(), shop=there, actor=Claimant.of(here, "web-1"), now=now)


async def test_a_signed_in_customer_becomes_a_member(database: str, now: datetime) -> None:
    shop = await a_shop()
    casual = await a_customer(shop=shop, is_member=False)

    first = await enrol(Application(), shop=shop, actor=Actor.customer(casual.id), now=now)
    again = await enrol(Application(), shop=shop, actor=Actor.customer(casual.id), now=now)

    assert first == Enrolled(casual.id, is_new=True)
    assert again == Enrolled(casual.id, is_new=False)


async def test_staff_and_programs_enrol_by_their_own_way(database: str, now: datetime) -> None:
    shop = await a_shop()

    for actor in (SUPPORT, Actor.key(new_id(now), frozenset(Permission)), Actor.system("tests")):
        with pytest.raises(NotPermitted):
            await enrol(Application(email="kari@example.com"), shop=shop, actor=actor, now=now)

    assert await Customer.all().count() == 0


@pytest.mark.parametrize(
    ("application", "refusal"),
    [
        (Application(email="nobody"), IdentifierInvalid),
        (Application(email="a@example.com", phone="12"), IdentifierInvalid),
        (Application(email="a@example.com", first_name="x" * 101), Invalid),
        (Application(email="a@example.com", locale="tlh"), Invalid),
        (Application(email="a@example.com", birthday=date(2099, 1, 1)), Invalid),
    ],
)
async def test_what_cannot_be_makes_no_member(
    database: str, now: datetime, application: Application, refusal: type[Refusal]
) -> None:
    shop = await a_shop()

    with pytest.raises(refusal):
        await enrol_customer(application, shop=shop, actor=SUPPORT, now=now)
    with pytest.raises(refusal):
        await enrol(application, shop=shop, actor=Actor.public(), now=now)

    assert await counted() == (0, 0, 0)


async def test_orders_enrol_their_unknown_buyers(database: str, now: datetime) -> None:
    shop = await a_shop()
    member = await a_customer(shop=shop, email="member@example.com")
    casual = await a_customer(shop=shop, email="casual@example.com", is_member=False)
    unknown = normalised(IdentifierKind.MEMBER_NUMBER, "1", shop=shop)
    new = [an_email("new@example.com"), card("1111", shop), normalised(IdentifierKind.EXTERNAL, "web-1", shop=shop)]
    asked = [an_email("member@example.com"), an_email("casual@example.com"), unknown, *new, new[0]]

    found = await members_for_orders(asked, shop, now=now)

    assert found[asked[0].place] == member.id
    assert found[asked[1].place] == casual.id
    assert found[unknown.place] is None
    made = [found[one.place] for one in new]
    assert None not in made
    assert len(set(made)) == 3
    assert await Customer.filter(id__in=made, enrolled_through="order", enrolled_at=now).count() == 3
    assert (await Customer.get(id=casual.id)).enrolled_at == now
    assert (await Customer.get(id=member.id)).enrolled_at == member.enrolled_at
    assert await Customer.all().count() == 5


async def test_a_shop_that_does_not_enrol_leaves_unknown_buyers_unknown(database: str, now: datetime) -> None:
    shop = await a_shop(enrols_automatically=False)
    casual = await a_customer(shop=shop, email="casual@example.com", is_member=False)
    asked = [an_email("casual@example.com"), an_email("new@example.com")]

    found = await members_for_orders(asked, shop, now=now)

    assert found == {asked[0].place: casual.id, asked[1].place: None}
    assert (await Customer.get(id=casual.id)).enrolled_at is None
    assert await Customer.all().count() == 1


async def test_five_hundred_buyers_are_enrolled_in_one_statement(
    database: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await a_shop()
    people = [an_email(f"p{number}@example.com") for number in range(500)]
    statements: list[str] = []
    rows = transactions.rows

    async def noted(sql: str, *values: object) -> Any:
        statements.append(sql)
        return await rows(sql, *values)

    monkeypatch.setattr(transactions, "rows", noted)
    found = await enrol_many(people, shop=shop, now=now)

    assert len(statements) == 1
    assert len({one.id for one in found.values()}) == 500
    assert await Customer.all().count() == 500
    assert await CustomerIdentifier.filter(kind="member_number").count() == 500
    assert await CustomerIdentifier.filter(kind="email").count() == 500


async def test_the_same_people_in_two_batches_at_once_are_one_customer_each(database: str, now: datetime) -> None:
    shop = await a_shop()
    people = [an_email(f"p{number}@example.com") for number in range(200)]
    batches = [people, list(reversed(people)), people[50:150], people[::3]]

    found = await asyncio.gather(*(enrol_many(batch, shop=shop, now=now) for batch in batches))

    assert await Customer.all().count() == 200
    assert await CustomerIdentifier.all().count() == 400
    for batch, members in zip(batches, found, strict=True):
        assert set(members) == set(batch)
        assert members == {one: found[0][one] for one in batch}
    owners = {one.value_key: one.customer_id for one in await CustomerIdentifier.filter(kind="email").all()}  # type: ignore[attr-defined]
    assert {one.value_key: member.id for one, member in found[0].items()} == owners


async def test_the_same_person_by_many_hands_at_once_is_one_customer(database: str, now: datetime) -> None:
    shop = await a_shop()
    application = Application(email="kari@example.com", phone="512 34567", card="1111")

    by_staff, by_orders, _ = await asyncio.gather(
        asyncio.gather(*(enrol_customer(application, shop=shop, actor=SUPPORT, now=now) for _ in range(8))),
        asyncio.gather(*(members_for_orders([an_email("kari@example.com")], shop, now=now) for _ in range(4))),
        asyncio.gather(
            *(enrol(Application(email="kari@example.com"), shop=shop, actor=Actor.public(), now=now) for _ in range(4))
        ),
    )

    [customer] = await Customer.all()
    assert {one.value.customer_id for one in by_staff} == {customer.id}
    assert all(list(one.values()) == [customer.id] for one in by_orders)
    assert await identifiers_by_kind(customer.id) == {
        "email": {"kari@example.com"},
        "phone": {"+37251234567"},
        "card": {"1111"},
    }


async def test_a_batch_that_is_undone_enrols_nobody(database: str, now: datetime) -> None:
    shop = await a_shop()

    async def effects() -> None:
        await enrol_many([an_email("kari@example.com")], shop=shop, now=now)
        raise Invalid(field="orders")

    with pytest.raises(Invalid):
        await transactions.in_one_transaction(effects)

    assert await counted() == (0, 0, 0)


async def test_member_numbers_given_before_are_not_given_again(
    database: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await a_shop()
    taken = [(await a_customer(shop=shop)).member_number for _ in range(3)]
    monkeypatch.setattr(
        "loyalty.customers.registration.new_member_numbers", lambda count: [*taken, "1000000009", "1000000017"]
    )

    found = await enrol_many([an_email("a@example.com"), an_email("b@example.com")], shop=shop, now=now)

    numbers = await Customer.filter(id__in=[one.id for one in found.values()]).values_list("member_number", flat=True)
    assert sorted(map(str, numbers)) == ["1000000009", "1000000017"]


async def test_nobody_to_enrol_is_nothing_to_do(database: str, now: datetime) -> None:
    shop = await a_shop()

    assert await enrol_many([], shop=shop, now=now) == {}
    assert await members_for_orders([], shop, now=now) == {}
    assert astuple(FoundCustomer(shop.id, is_member=True)) == (shop.id, True)


async def test_a_shops_server_vouches_for_an_address_and_it_signs_in(database: str, now: datetime) -> None:
    shop = await a_shop()
    server = Actor.key(uuid4(), frozenset({Permission.CUSTOMERS_WRITE}))
    application = Application(email="ida@example.com", phone="+4740612345", email_verified=True)

    answer = await enrol_customer(application, shop=shop, actor=server, now=now)

    assert answer.value.customer_id is not None
    found = (await identifiers_of([answer.value.customer_id]))[answer.value.customer_id]
    assert {one.kind: one.verified_at for one in found if one.kind in ("email", "phone")} == {
        "email": now,
        "phone": None,
    }


async def test_people_do_not_vouch(database: str, now: datetime) -> None:
    shop = await a_shop()
    support = Actor.staff(uuid4(), Role.SUPPORT)

    with pytest.raises(NotPermitted):
        await enrol_customer(Application(phone="+4740612345", phone_verified=True), shop=shop, actor=support, now=now)

    assert await Customer.all().count() == 0
