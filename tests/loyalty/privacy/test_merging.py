"""Two customers who are one person: what follows, what stays, and what is refused."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from loyalty import transactions
from loyalty.access import Actor, NotPermitted, Permission, Role
from loyalty.audit.models import AuditRecord
from loyalty.customers.identifiers import IdentifierKind
from loyalty.customers.lookup import customer_by, customer_family_ids, customers_by_id, holder_of
from loyalty.customers.models import Customer, CustomerIdentifier
from loyalty.customers.search import search
from loyalty.earning.enrolment import members_for_orders
from loyalty.identity import new_id
from loyalty.ledger.models import Entry, Lot, Wallet
from loyalty.ledger.posting import Earn, Redeem, Reserve, UnitsReserved, post
from loyalty.once.answers import Answer, IdempotencyMismatch, Once
from loyalty.orders.models import Order, OrderLine, OrderReturn
from loyalty.privacy.merging import Merged, MergeImpossible, merge_customers
from loyalty.refusals import NotFound
from loyalty.shops.catalogue import shop_by_id
from loyalty.staff.models import StaffMember
from tests.support.customers import JOINED_AT, a_customer, a_member_of_staff, an_email, everybody, identifiers_by_kind

ADMIN = a_member_of_staff(Role.ADMIN)
SUPPORT = a_member_of_staff(Role.SUPPORT)
SYSTEM = Actor.system("tests")


async def merged(
    kept: Customer, other: Customer, *, now: datetime, actor: Actor = ADMIN, key: str = "merge-1"
) -> Answer[Merged]:
    once = Once(key, [str(kept.id), str(other.id)])
    return await merge_customers(once, kept_id=kept.id, merged_id=other.id, actor=actor, now=now)


async def everything() -> list[Any]:
    models = (Customer, CustomerIdentifier, Order, OrderLine, OrderReturn, Wallet, Entry, Lot, AuditRecord)
    return [await model.all().order_by("id").values() for model in models]


async def an_order(customer: Customer, external_id: str, *, now: datetime) -> Order:
    order = await Order.create(
        id=new_id(now),
        shop_id=customer.shop_id,
        external_id=external_id,
        customer_id=customer.id,
        placed_at=now,
        recorded_at=now,
        currency="EUR",
        discount_minor=0,
        shipping_minor=0,
        tax_minor=0,
        total_minor=500,
        content_hash=b"",
    )
    await OrderLine.create(
        id=new_id(now),
        order=order,
        customer_id=customer.id,
        line_number=1,
        sku="bread",
        name="Bread",
        quantity_milli=1_000,
        amount_minor=500,
        discount_share_minor=0,
        tax_share_minor=0,
    )
    await OrderReturn.create(
        id=new_id(now),
        shop_id=customer.shop_id,
        order_external_id=external_id,
        order_id=order.id,
        customer_id=customer.id,
        state="applied",
        returned_at=now,
        recorded_at=now,
        recorded_by="system:tests",
    )
    return order


async def earned(customer: Customer, points: int, *, unit: str = "points", now: datetime, **facts: Any) -> UUID:
    [done] = await post(
        [Earn(customer_id=customer.id, unit=unit, points=points, earned_at=now, **facts)], by=SYSTEM, now=now
    )
    return done.or_refuse()


async def wallet(customer: Customer, unit: str = "points") -> tuple[int, int, int, int]:
    one = await Wallet.get(customer_id=customer.id, unit=unit)
    return (one.available_points, one.pending_points, one.lifetime_earned_points, one.lifetime_redeemed_points)


async def test_units_follow_with_their_own_expiry(database: str, now: datetime) -> None:
    kept, other = await a_customer(balance_points=10), await a_customer()
    soon, later = now + timedelta(days=10), now + timedelta(days=20)
    await earned(other, 100, expires_at=soon, now=now)
    await earned(other, 50, expires_at=later, available_at=now + timedelta(days=5), now=now)
    await earned(other, 7, unit="stars", now=now)
    await post([Redeem(customer_id=other.id, unit="points", points=30)], by=SYSTEM, now=now)

    done = await merged(kept, other, now=now)

    assert done.value == Merged(kept.id, other.id, {"points": 120, "stars": 7})
    assert await wallet(kept) == (80, 50, 160, 30)
    assert await wallet(kept, "stars") == (7, 0, 7, 0)
    assert await wallet(other) == (0, 0, 0, 0)
    lots = await Lot.filter(customer_id=kept.id).order_by("sequence")
    assert [(lot.open_points, lot.pending_points, lot.expires_at) for lot in lots if lot.earned_points != 7] == [
        (10, 0, None),
        (70, 0, soon),
        (0, 50, later),
    ]


async def test_both_histories_are_read_through_who_was_kept(database: str, now: datetime) -> None:
    kept, other = await a_customer(balance_points=10), await a_customer(balance_points=20)

    await merged(kept, other, now=now)

    family = await customer_family_ids(kept.id)
    entries = await Entry.filter(customer_id__in=family).order_by("recorded_at", "kind")
    assert family == [kept.id, other.id]
    assert sorted((entry.kind, entry.points) for entry in entries) == [
        ("earn", 10),
        ("earn", 20),
        ("transfer_in", 20),
        ("transfer_out", -20),
    ]
    assert {entry.explanation["why"] for entry in entries if entry.kind.startswith("transfer")} == {"merge"}


async def test_identifiers_and_orders_follow(database: str, now: datetime) -> None:
    kept = await a_customer(email="kept@example.com")
    other = await a_customer(email="other@example.com", phone="512 34567", card="1111", verified=True)
    order = await an_order(other, "o-1", now=now)
    mine = await an_order(kept, "o-2", now=now)
    shop = await shop_by_id(kept.shop_id)

    await merged(kept, other, now=now)

    assert await identifiers_by_kind(kept.id) == {
        "email": {"kept@example.com", "other@example.com"},
        "phone": {"+37251234567"},
        "card": {"1111"},
    }
    assert await identifiers_by_kind(other.id) == {}
    for kind, value in ((IdentifierKind.CARD, "1111"), (IdentifierKind.MEMBER_NUMBER, other.member_number)):
        found = await customer_by(kind, value, shop=shop)
        assert found is not None
        assert found.id == kept.id
    orders = await Order.filter(customer_id=kept.id).order_by("external_id")
    assert [one.id for one in orders] == [order.id, mine.id]
    assert await OrderLine.filter(customer_id=kept.id).count() == 2
    assert await OrderReturn.filter(customer_id=kept.id).count() == 2
    assert await CustomerIdentifier.filter(customer_id=kept.id, verified_at=JOINED_AT).count() == 2


async def test_search_finds_who_was_kept_by_the_others_identifiers(database: str, now: datetime) -> None:
    kept = await a_customer(first_name="Kari", email="kari@example.com")
    other = await a_customer(first_name="Kaia", email="other@example.com")

    await merged(kept, other, now=now)

    for text in ("kari", "other@", other.member_number):
        assert [one.id for one in (await search(SUPPORT, text=text, first=9)).customers] == [kept.id]
    assert (await search(SUPPORT, text="kaia", first=9)).customers == []
    assert [one.id for one in (await search(SUPPORT, first=9)).customers] == [kept.id]


async def test_what_is_empty_is_filled_and_the_rest_stays(database: str, now: datetime) -> None:
    kept = await a_customer(is_member=False)
    other = await a_customer(first_name="Kari", last_name="Nordmann", birthday=date(1990, 5, 17), locale="nb")

    await merged(kept, other, now=now)

    stored = await Customer.get(id=kept.id)
    assert (stored.first_name, stored.last_name, stored.birthday) == ("Kari", "Nordmann", date(1990, 5, 17))
    assert (stored.birthday_set_at, stored.enrolled_at, stored.locale) == (JOINED_AT, JOINED_AT, kept.locale)
    assert (stored.version, stored.updated_at) == (2, now)
    gone = await Customer.get(id=other.id)
    assert (gone.merged_into_id, gone.search_text) == (kept.id, "")


async def test_a_family_may_grow_and_every_id_leads_to_who_was_kept(database: str, now: datetime) -> None:
    first, second, third = [await a_customer(balance_points=1) for _ in range(3)]

    await merged(second, third, now=now, key="a")
    await merged(first, second, now=now, key="b")

    assert set(await customer_family_ids(first.id)) == {first.id, second.id, third.id}
    assert {one.id for one in (await customers_by_id([first.id, second.id, third.id])).values()} == {first.id}
    assert await holder_of(third.id) == first.id
    assert (await wallet(first))[0] == 3


async def test_staff_who_are_customers_stay_so(database: str, now: datetime) -> None:
    kept, other = await a_customer(), await a_customer()
    person = await StaffMember.create(
        id=new_id(now), email="s@example.com", email_key="s@example.com", name="S", roles=[], customer_id=other.id,
        created_at=now,
    )  # fmt: skip

    await merged(kept, other, now=now)

    assert (await StaffMember.get(id=person.id)).customer_id == kept.id


async def test_the_same_key_merges_once(database: str, now: datetime) -> None:
    kept, other, third = await a_customer(), await a_customer(balance_points=5), await a_customer()

    first = await merged(kept, other, now=now)
    again = await merged(kept, other, now=now + timedelta(days=1))
    with pytest.raises(IdempotencyMismatch):
        await merged(kept, third, now=now)

    assert (first.replayed, again.replayed) == (False, True)
    assert first.value == again.value
    assert await AuditRecord.all().count() == 1


async def test_the_trail_tells_of_the_merge(database: str, now: datetime) -> None:
    kept, other = await a_customer(), await a_customer(balance_points=5)

    await merged(kept, other, now=now)

    [act] = await AuditRecord.all()
    assert (act.actor, act.action, act.subject_id) == (ADMIN.reference, "customer.merged", str(other.id))
    assert (act.customer_id, act.after) == (kept.id, {"kept_id": str(kept.id), "moved_points": {"points": 5}})


async def test_nobody_is_merged_with_themselves(database: str, now: datetime) -> None:
    kept = await a_customer(balance_points=5)
    before = await everything()

    with pytest.raises(MergeImpossible) as refused:
        await merged(kept, kept, now=now)

    assert refused.value.facts == {"reason": "same_customer"}
    assert await everything() == before


async def test_who_is_merged_already_is_not_merged_again(database: str, now: datetime) -> None:
    kept, other, third = await a_customer(), await a_customer(), await a_customer()
    await merged(kept, other, now=now, key="first")
    before = await everything()

    for one, two in ((third, other), (other, third), (kept, other)):
        with pytest.raises(MergeImpossible) as refused:
            await merged(one, two, now=now, key=f"{one.id} {two.id}")
        assert refused.value.facts == {"reason": "already_merged"}

    assert await everything() == before


async def test_support_merges_only_who_proved_an_address(database: str, now: datetime) -> None:
    kept = await a_customer(email="kept@example.com", verified=True)
    other = await a_customer(email="other@example.com", card="1111")
    before = await everything()

    with pytest.raises(MergeImpossible) as refused:
        await merged(kept, other, actor=SUPPORT, now=now, key="unproved")

    assert refused.value.facts == {"reason": "unverified"}
    assert await everything() == before

    await CustomerIdentifier.filter(customer_id=other.id, kind="email").update(verified_at=now)
    done = await merged(kept, other, actor=SUPPORT, now=now, key="proved")
    assert done.value.kept_id == kept.id


async def test_nobody_merges_their_own_account(database: str, now: datetime) -> None:
    kept, other = await a_customer(balance_points=1), await a_customer(balance_points=5)
    before = await everything()

    for own in (kept, other):
        with pytest.raises(MergeImpossible) as refused:
            actor = Actor.staff(new_id(now), Role.ADMIN, customer_id=own.id)
            await merged(kept, other, actor=actor, now=now)
        assert refused.value.facts == {"reason": "own_account"}

    assert await everything() == before


async def test_units_held_for_a_checkout_are_not_merged_away(database: str, now: datetime) -> None:
    kept, other = await a_customer(), await a_customer(balance_points=50, email="other@example.com")
    hold = Reserve(
        customer_id=other.id,
        unit="points",
        points=20,
        reservation_id=new_id(now),
        reserved_until=now + timedelta(minutes=10),
    )
    await post([hold], by=SYSTEM, now=now)
    before = await everything()

    with pytest.raises(UnitsReserved):
        await merged(kept, other, now=now)

    assert await everything() == before


async def test_nobody_there_is_not_found(database: str, now: datetime) -> None:
    kept = await a_customer()

    with pytest.raises(NotFound):
        once = Once("merge-1", [])
        await merge_customers(once, kept_id=kept.id, merged_id=new_id(now), actor=ADMIN, now=now)


async def test_who_may_merge(database: str, now: datetime) -> None:
    kept = await a_customer(email="kept@example.com", verified=True)
    before = await everything()
    allowed = {"admin", "support", "key that writes customers", "job"}

    for name, actor in everybody(kept.id).items():
        assert (Permission.CUSTOMERS_WRITE in actor.permissions) is (name in allowed | {"customer", "other customer"})
        if name not in allowed:
            with pytest.raises(NotPermitted):
                await merge_customers(Once(name, []), kept_id=kept.id, merged_id=new_id(now), actor=actor, now=now)
    assert await everything() == before

    for number, (name, actor) in enumerate(everybody(kept.id).items()):
        if name in allowed:
            other = await a_customer(email=f"other{number}@example.com", verified=True)
            assert (await merged(kept, other, actor=actor, now=now)).value.merged_id == other.id


async def test_two_merges_of_a_pair_at_once_lose_nobody(database: str, now: datetime) -> None:
    one, two = await a_customer(balance_points=10), await a_customer(balance_points=20)

    done = await asyncio.gather(
        merged(one, two, now=now, key="a"), merged(two, one, now=now, key="b"), return_exceptions=True
    )

    [refused] = [outcome for outcome in done if isinstance(outcome, MergeImpossible)]
    [kept] = await Customer.filter(merged_into_id=None)
    assert refused.facts == {"reason": "already_merged"}
    assert (await wallet(kept))[0] == 30


async def test_an_order_on_its_way_is_waited_for(database: str, now: datetime) -> None:
    kept, other = await a_customer(), await a_customer(email="other@example.com")
    shop = await shop_by_id(other.shop_id)
    found, waiting = asyncio.Event(), asyncio.Event()

    async def order_is_recorded() -> None:
        async def effects() -> None:
            holders = await members_for_orders([an_email("other@example.com")], shop, now=now)
            found.set()
            await waiting.wait()
            await earned((await customers_by_id(h for h in holders.values() if h))[other.id], 15, now=now)

        await transactions.in_one_transaction(effects)

    async def are_merged() -> None:
        await found.wait()
        merging = asyncio.ensure_future(merged(kept, other, now=now))
        await asyncio.sleep(0.2)
        assert not merging.done()
        waiting.set()
        await merging

    await asyncio.gather(order_is_recorded(), are_merged())

    assert (await wallet(kept))[0] == 15
    assert (await wallet(other))[0] == 0
