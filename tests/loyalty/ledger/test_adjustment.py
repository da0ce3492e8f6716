"""Corrections by hand: who may, how much, and who must agree."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from loyalty import transactions
from loyalty.access import Actor, NotPermitted, Role
from loyalty.audit import trail
from loyalty.audit.trail import Act, Filters
from loyalty.customers.models import Customer
from loyalty.ledger.adjustment import (
    Adjusted,
    AdjustmentFacts,
    AdjustmentNeedsNote,
    AdjustmentNotWaiting,
    AwaitsApproval,
    NothingToAdjust,
    OwnAccount,
    Reason,
    Rejected,
    SamePerson,
    adjust_balance,
    adjustments_by_id,
    adjustments_page,
    approve_adjustment,
    reject_adjustment,
)
from loyalty.ledger.balances import entries_by_id
from loyalty.ledger.goodwill import goodwill_left, month_start
from loyalty.ledger.posting import AmountTooLarge, BalanceTooLow
from loyalty.once.answers import Answer, IdempotencyMismatch, Once
from loyalty.refusals import Invalid, NotFound, Refusal, TryAgain
from loyalty.shops.catalogue import ShopFacts
from loyalty.staff.keys import create_api_key, key_actor
from tests.support.customers import a_customer, everybody
from tests.support.orders import Columns, columns, spent
from tests.support.programme import TESTS, a_key
from tests.support.programme import a_shop as a_shop_with_programme
from tests.support.shops import a_shop
from tests.support.staff import a_person

pytestmark = pytest.mark.usefixtures("database")

KAI, LIIS = (Actor.staff(UUID(int=n), Role.SUPPORT) for n in (11, 12))
READER = Actor.staff(UUID(int=13), Role.ANALYST)


@pytest.fixture
async def shop(now: datetime, database: str) -> ShopFacts:
    """Open a shop with a limit of 1,000 units and a monthly budget of 10,000."""
    return (await a_shop_with_programme(now=now))[0]


@pytest.fixture
async def anna(shop: ShopFacts) -> UUID:
    """Register Anna, who can spend 100 points."""
    return (await a_customer(shop=shop, balance_points=100)).id


async def adjust(
    customer_id: UUID,
    points: int,
    *,
    reason: Reason = Reason.GOODWILL,
    note: str = "She waited for an hour.",
    unit: str = "points",
    actor: Actor = KAI,
    once: Once | None = None,
    now: datetime,
) -> Adjusted | AwaitsApproval:
    """Correct a balance, as Kai for goodwill unless said otherwise."""
    asked = once or a_key([str(customer_id), points])
    return (
        await adjust_balance(
            asked, customer_id=customer_id, unit=unit, points=points, reason=reason, note=note, actor=actor, now=now
        )
    ).value


async def awaiting(customer_id: UUID, points: int, *, now: datetime, **asked: Any) -> UUID:
    """Ask for a correction that needs a second person, and return its id."""
    asked_for = await adjust(customer_id, points, now=now, **asked)
    assert isinstance(asked_for, AwaitsApproval)
    return asked_for.awaiting_adjustment_id


async def trail_of_corrections() -> list[Act]:
    """Return the acts about corrections, newest first."""
    return (await trail.page(TESTS, first=9, filters=Filters(subject_kind="adjustment"))).acts


async def the_only(adjustment_id: UUID) -> AdjustmentFacts:
    """Return the correction, which is the only one."""
    [one] = await adjustments_page(READER, first=9)
    assert one == (await adjustments_by_id([adjustment_id]))[adjustment_id]
    return one


async def test_a_correction_is_posted_with_its_reason_and_its_note_and_who_did_it(now: datetime, anna: UUID) -> None:
    done = await adjust(anna, 250, note="  She waited for an hour. ", now=now)

    assert isinstance(done, Adjusted)
    assert await columns(anna, now=now) == Columns(available=350, earned=100)
    [entry] = (await entries_by_id([done.entry_id])).values()
    assert (entry.kind, entry.points, entry.balance_after_points, entry.expires_at) == ("adjust", 250, 350, None)
    assert (entry.actor, entry.occurred_at) == (KAI.reference, now)
    assert await the_only(done.adjustment_id) == AdjustmentFacts(
        id=done.adjustment_id,
        customer_id=anna,
        unit="points",
        points=250,
        reason="GOODWILL",
        note="She waited for an hour.",
        state="posted",
        asked_by=KAI.reference,
        asked_at=now,
        decided_by=None,
        decided_at=None,
        decision_note="",
        entry_id=done.entry_id,
    )


async def test_every_correction_stands_in_the_trail_without_what_was_noted(now: datetime, anna: UUID) -> None:
    done = await adjust(anna, -40, reason=Reason.CORRECTION, now=now)

    assert isinstance(done, Adjusted)
    [act] = await trail_of_corrections()
    assert (act.actor, act.action, act.subject_id, act.customer_id, act.why) == (
        KAI.reference, "adjust_balance", str(done.adjustment_id), anna, "CORRECTION",
    )  # fmt: skip
    assert act.after == {"state": "posted", "points": -40, "unit": "points"}
    assert await columns(anna, now=now) == Columns(available=60, earned=100)


async def test_a_balance_is_never_corrected_below_zero(now: datetime, anna: UUID) -> None:
    with pytest.raises(BalanceTooLow) as refused:
        await adjust(anna, -101, now=now)

    assert refused.value.facts == {"balance_points": 100, "asked_points": 101}
    assert await columns(anna, now=now) == Columns(available=100, earned=100)
    assert await adjustments_page(READER, first=9) == []
    assert await trail_of_corrections() == []


@pytest.mark.parametrize(
    ("points", "note", "unit", "refusal"),
    [
        (0, "note", "points", NothingToAdjust()),
        (5, "", "points", AdjustmentNeedsNote()),
        (5, " \t\n", "points", AdjustmentNeedsNote()),
        (5, "x" * 2_001, "points", Invalid(field="note", problem="too_long")),
        (5, "\x00", "points", Invalid(field="note", problem="unprintable")),
        (5, "\ud800", "points", Invalid(field="note", problem="unprintable")),
        (10**12 + 1, "note", "points", AmountTooLarge()),
        (-(10**12) - 1, "note", "points", AmountTooLarge()),
        (10**30, "note", "points", AmountTooLarge()),
        (5, "note", "stars", NotFound(what="unit")),
    ],
)
async def test_what_cannot_be_meant_is_refused_and_can_be_mended_under_the_same_key(
    now: datetime, anna: UUID, points: int, note: str, unit: str, refusal: Refusal
) -> None:
    once = Once("key", 5)

    with pytest.raises(Refusal) as refused:
        await adjust(anna, points, note=note, unit=unit, once=once, now=now)
    done = await adjust(anna, 5, once=once, now=now)

    assert (type(refused.value), refused.value) == (type(refusal), refusal)
    assert isinstance(done, Adjusted)
    assert await columns(anna, now=now) == Columns(available=105, earned=100)


async def test_a_customer_who_is_not_there_is_not_found(now: datetime, shop: ShopFacts) -> None:
    with pytest.raises(NotFound) as refused:
        await adjust(uuid4(), 5, now=now)

    assert refused.value.facts == {"what": "customer"}


@pytest.mark.parametrize(("points", "state"), [(1_000, "posted"), (1_001, "awaiting")])
async def test_above_the_shops_limit_a_second_person_is_needed(
    now: datetime, anna: UUID, points: int, state: str
) -> None:
    await adjust(anna, points, now=now)

    [asked] = await adjustments_page(READER, first=9)
    assert asked.state == state
    assert await columns(anna, now=now) == Columns(available=100 + (points if state == "posted" else 0), earned=100)


async def test_taking_off_more_than_the_limit_needs_a_second_person_too(now: datetime, shop: ShopFacts) -> None:
    rich = (await a_customer(shop=shop, balance_points=5_000)).id

    await awaiting(rich, -1_001, now=now)

    assert await columns(rich, now=now) == Columns(available=5_000, earned=5_000)


async def test_an_approved_correction_is_posted_by_the_second_person(now: datetime, anna: UUID) -> None:
    adjustment_id = await awaiting(anna, 2_000, now=now)
    later = now + timedelta(hours=1)

    done = (await approve_adjustment(a_key(), adjustment_id=adjustment_id, note=" Fine. ", actor=LIIS, now=later)).value

    assert done == Adjusted(adjustment_id, anna, done.entry_id)
    assert await columns(anna, now=later) == Columns(available=2_100, earned=100)
    asked = await the_only(adjustment_id)
    assert (asked.state, asked.asked_by, asked.decided_by) == ("approved", KAI.reference, LIIS.reference)
    assert (asked.decided_at, asked.decision_note, asked.entry_id) == (later, "Fine.", done.entry_id)
    [entry] = (await entries_by_id([done.entry_id])).values()
    assert entry.actor == LIIS.reference
    [decided, asked_for] = await trail_of_corrections()
    assert (decided.action, decided.before, asked_for.action) == (
        "approve_adjustment", {"state": "awaiting"}, "adjust_balance",
    )  # fmt: skip


async def test_a_rejected_correction_changes_nothing(now: datetime, anna: UUID) -> None:
    adjustment_id = await awaiting(anna, 2_000, now=now)

    done = (await reject_adjustment(a_key(), adjustment_id=adjustment_id, note="No.", actor=LIIS, now=now)).value

    assert done == Rejected(adjustment_id, anna)
    asked = await the_only(adjustment_id)
    assert (asked.state, asked.decided_by, asked.decision_note, asked.entry_id) == (
        "rejected", LIIS.reference, "No.", None,
    )  # fmt: skip
    assert await columns(anna, now=now) == Columns(available=100, earned=100)
    [decided, _] = await trail_of_corrections()
    assert decided.action == "reject_adjustment"


async def test_who_asked_does_not_decide(now: datetime, anna: UUID) -> None:
    adjustment_id = await awaiting(anna, 2_000, now=now)

    for decide in (approve_adjustment, reject_adjustment):
        with pytest.raises(SamePerson):
            await decide(a_key(), adjustment_id=adjustment_id, actor=KAI, now=now)

    assert (await the_only(adjustment_id)).state == "awaiting"
    assert await columns(anna, now=now) == Columns(available=100, earned=100)


async def test_what_is_decided_is_not_decided_again(now: datetime, anna: UUID) -> None:
    adjustment_id = await awaiting(anna, 2_000, now=now)
    await reject_adjustment(a_key(), adjustment_id=adjustment_id, actor=LIIS, now=now)

    for decide in (approve_adjustment, reject_adjustment):
        with pytest.raises(AdjustmentNotWaiting) as refused:
            await decide(a_key(), adjustment_id=adjustment_id, actor=LIIS, now=now)
        assert refused.value.facts == {"state": "rejected"}
    with pytest.raises(NotFound):
        await approve_adjustment(a_key(), adjustment_id=uuid4(), actor=LIIS, now=now)

    assert await columns(anna, now=now) == Columns(available=100, earned=100)


async def test_of_ten_who_approve_at_once_one_does(now: datetime, anna: UUID) -> None:
    adjustment_id = await awaiting(anna, 2_000, now=now)
    people = [Actor.staff(UUID(int=n), Role.SUPPORT) for n in range(20, 30)]

    told = await asyncio.gather(
        *(approve_adjustment(a_key(), adjustment_id=adjustment_id, actor=one, now=now) for one in people),
        return_exceptions=True,
    )

    assert [type(one) for one in told].count(Answer) == 1
    assert [type(one) for one in told].count(AdjustmentNotWaiting) == 9
    assert await columns(anna, now=now) == Columns(available=2_100, earned=100)


async def test_what_cannot_be_taken_off_by_now_goes_on_waiting(now: datetime, shop: ShopFacts) -> None:
    rich = (await a_customer(shop=shop, balance_points=5_000)).id
    adjustment_id = await awaiting(rich, -4_000, now=now)
    await spent(rich, 4_500, now=now)

    with pytest.raises(BalanceTooLow) as refused:
        await approve_adjustment(a_key(), adjustment_id=adjustment_id, actor=LIIS, now=now)

    assert refused.value.facts == {"balance_points": 500, "asked_points": 4_000}
    asked = await the_only(adjustment_id)
    assert (asked.state, asked.decided_by) == ("awaiting", None)
    await reject_adjustment(a_key(), adjustment_id=adjustment_id, actor=LIIS, now=now)


async def test_nobody_corrects_their_own_account_nor_approves_it(now: datetime, anna: UUID) -> None:
    kai_herself = Actor.staff(UUID(int=11), Role.ADMIN, customer_id=anna)
    adjustment_id = await awaiting(anna, 2_000, actor=LIIS, now=now)

    with pytest.raises(OwnAccount):
        await adjust(anna, 5, actor=kai_herself, now=now)
    for decide in (approve_adjustment, reject_adjustment):
        with pytest.raises(OwnAccount):
            await decide(a_key(), adjustment_id=adjustment_id, actor=kai_herself, now=now)

    assert await columns(anna, now=now) == Columns(available=100, earned=100)


async def test_ones_own_account_is_also_the_one_it_was_merged_into(now: datetime, shop: ShopFacts, anna: UUID) -> None:
    kept = (await a_customer(shop=shop)).id
    await Customer.filter(id=anna).update(merged_into_id=kept)
    herself = Actor.staff(UUID(int=11), Role.ADMIN, customer_id=anna)

    for account in (anna, kept):
        with pytest.raises(OwnAccount):
            await adjust(account, 5, actor=herself, now=now)


async def test_a_merged_customers_correction_is_posted_to_the_one_who_was_kept(
    now: datetime, shop: ShopFacts, anna: UUID
) -> None:
    kept = (await a_customer(shop=shop)).id
    adjustment_id = await awaiting(anna, 2_000, now=now)
    await Customer.filter(id=anna).update(merged_into_id=kept)

    done = await adjust(anna, 7, now=now)
    approved = (await approve_adjustment(a_key(), adjustment_id=adjustment_id, actor=LIIS, now=now)).value

    assert (done.customer_id, approved.customer_id) == (kept, kept)
    assert await columns(kept, now=now) == Columns(available=2_007)


async def test_a_months_goodwill_has_a_budget_per_person_and_reason(now: datetime, shop: ShopFacts, anna: UUID) -> None:
    for _ in range(9):
        await adjust(anna, 1_000, now=now)
    await adjust(anna, 999, now=now)
    await adjust(anna, -500, now=now)  # taking off spends nothing, and gives nothing back

    assert await goodwill_left(KAI, Reason.GOODWILL, shop, now=now) == 1
    assert isinstance(await adjust(anna, 2, now=now), AwaitsApproval)
    assert isinstance(await adjust(anna, 1, now=now), Adjusted)
    assert await goodwill_left(KAI, Reason.GOODWILL, shop, now=now) == 0
    assert isinstance(await adjust(anna, 1, now=now), AwaitsApproval)
    assert isinstance(await adjust(anna, 1, reason=Reason.GIFT, now=now), Adjusted)
    assert isinstance(await adjust(anna, 1, actor=LIIS, now=now), Adjusted)


async def test_a_budget_begins_anew_with_the_month(now: datetime, shop: ShopFacts, anna: UUID) -> None:
    end = datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    for _ in range(10):
        await adjust(anna, 1_000, now=now)

    assert isinstance(await adjust(anna, 1, now=end), AwaitsApproval)
    assert isinstance(await adjust(anna, 1, now=end + timedelta(microseconds=1)), Adjusted)
    assert await goodwill_left(KAI, Reason.GOODWILL, shop, now=datetime(2026, 4, 1, tzinfo=UTC)) == 9_999
    assert month_start(datetime(2026, 1, 31, 23, tzinfo=UTC)) == datetime(2026, 1, 1, tzinfo=UTC)


async def test_what_another_process_with_a_faster_clock_gave_counts(now: datetime, anna: UUID) -> None:
    for _ in range(10):
        await adjust(anna, 1_000, now=now + timedelta(seconds=2))

    assert isinstance(await adjust(anna, 1, now=now), AwaitsApproval)


async def test_what_waits_is_not_counted_and_what_was_approved_is(now: datetime, shop: ShopFacts, anna: UUID) -> None:
    adjustment_id = await awaiting(anna, 4_000, now=now)
    assert await goodwill_left(KAI, Reason.GOODWILL, shop, now=now) == 10_000

    await approve_adjustment(a_key(), adjustment_id=adjustment_id, actor=LIIS, now=now)

    assert await goodwill_left(KAI, Reason.GOODWILL, shop, now=now) == 6_000
    assert await goodwill_left(LIIS, Reason.GOODWILL, shop, now=now) == 10_000


async def test_twenty_corrections_at_once_do_not_overspend_the_budget(now: datetime, database: str) -> None:
    shop = await a_shop(goodwill_budget_points=1_000)
    people = [(await a_customer(shop=shop, balance_points=1)).id for _ in range(20)]
    await transactions.rows("INSERT INTO unit (code, opened_at) VALUES ('points', $1)", now)

    async def give(customer_id: UUID) -> Adjusted | AwaitsApproval:
        once = a_key(str(customer_id))
        while True:
            try:
                return await adjust(customer_id, 130, once=once, now=now)
            except TryAgain:  # a queue for a small pool
                await asyncio.sleep(0.05)

    told = await asyncio.gather(*map(give, people))

    assert sum(isinstance(one, Adjusted) for one in told) == 7  # 7 x 130 = 910
    assert await goodwill_left(KAI, Reason.GOODWILL, shop, now=now) == 90
    given = await transactions.value("SELECT sum(points)::bigint FROM entry WHERE kind = 'adjust'")
    assert given == 910


async def test_a_program_is_held_to_the_limit_and_has_no_budget(now: datetime, anna: UUID) -> None:
    job = Actor.system("migration")

    for _ in range(12):
        assert isinstance(await adjust(anna, 1_000, actor=job, now=now), Adjusted)

    assert isinstance(await adjust(anna, 1_001, actor=job, now=now), AwaitsApproval)


async def test_a_correction_sent_again_tells_the_same_and_is_posted_once(now: datetime, anna: UUID) -> None:
    small, large = Once("small", 10), Once("large", 2_000)

    done = await adjust(anna, 10, once=small, now=now)
    waits = await adjust(anna, 2_000, once=large, now=now)
    assert isinstance(waits, AwaitsApproval)
    decision = Once("decision", "yes")
    asked: dict[str, Any] = {"adjustment_id": waits.awaiting_adjustment_id, "actor": LIIS, "now": now}
    approved = (await approve_adjustment(decision, **asked)).value

    assert await adjust(anna, 10, once=small, now=now) == done
    assert await adjust(anna, 2_000, once=large, now=now) == waits
    assert await approve_adjustment(decision, **asked) == Answer(approved, replayed=True)
    with pytest.raises(IdempotencyMismatch):
        await adjust(anna, 11, once=Once("small", 11), now=now)
    assert await columns(anna, now=now) == Columns(available=2_110, earned=100)
    assert len(await adjustments_page(READER, first=9)) == 2


async def test_a_refusal_sent_again_is_told_the_same_though_the_balance_would_do_by_now(
    now: datetime, anna: UUID
) -> None:
    once = Once("key", -150)
    with pytest.raises(BalanceTooLow):
        await adjust(anna, -150, once=once, now=now)
    await adjust(anna, 100, now=now)

    with pytest.raises(BalanceTooLow) as again:
        await adjust(anna, -150, once=once, now=now)

    assert again.value.facts == {"balance_points": 100, "asked_points": 150}
    assert await columns(anna, now=now) == Columns(available=200, earned=100)


async def test_corrections_are_paged_newest_first_by_state_and_customer(
    now: datetime, shop: ShopFacts, anna: UUID
) -> None:
    bjørn = (await a_customer(shop=shop)).id
    for n in range(3):
        await adjust(anna, n + 1, now=now + timedelta(minutes=n))
    await adjust(bjørn, 2_000, now=now)

    first = await adjustments_page(READER, first=2)
    rest = await adjustments_page(READER, first=9, after=(first[-1].asked_at, first[-1].id))

    assert [one.points for one in first] == [3, 2]
    assert sorted(one.points for one in rest) == [1, 2_000]
    assert [one.points for one in await adjustments_page(READER, first=9, state="awaiting")] == [2_000]
    assert [one.points for one in await adjustments_page(READER, first=9, customer_id=anna)] == [3, 2, 1]


@pytest.mark.parametrize("who", sorted(everybody(UUID(int=1))))
async def test_who_may_correct_decide_and_read(now: datetime, anna: UUID, who: str) -> None:
    actor = everybody(anna)[who]
    adjustment_id = await awaiting(anna, 2_000, now=now)

    if who in {"support", "admin", "job"}:
        await adjust(anna, 5, actor=actor, now=now)
        await approve_adjustment(a_key(), adjustment_id=adjustment_id, actor=actor, now=now)
        assert await columns(anna, now=now) == Columns(available=2_105, earned=100)
    else:
        with pytest.raises(NotPermitted):
            await adjust(anna, 5, actor=actor, now=now)
        for decide in (approve_adjustment, reject_adjustment):
            with pytest.raises(NotPermitted):
                await decide(a_key(), adjustment_id=adjustment_id, actor=actor, now=now)
        assert await columns(anna, now=now) == Columns(available=100, earned=100)
    if who in {"support", "admin", "job", "analyst", "marketer"}:
        assert await adjustments_page(actor, first=1)
    else:
        with pytest.raises(NotPermitted):
            await adjustments_page(actor, first=1)


async def test_a_key_of_ones_own_is_no_second_person(anna: UUID, now: datetime) -> None:
    person = await a_person(Role.ADMIN, now=now)
    admin = Actor.staff(person.id, Role.ADMIN)
    waiting = await adjust(anna, 60_000, actor=admin, now=now)
    assert isinstance(waiting, AwaitsApproval)
    _, secret = await create_api_key(admin, name="mine", scopes=["all"], now=now)

    with pytest.raises(SamePerson):
        await approve_adjustment(
            a_key(),
            adjustment_id=waiting.awaiting_adjustment_id,
            actor=await key_actor(secret, now=now),
            now=now,
        )

    assert await points_of(anna) == 100


async def test_the_customer_with_ones_own_address_is_oneself(shop: ShopFacts, now: datetime) -> None:
    person = await a_person(Role.SUPPORT, email="kai@example.com", now=now)
    kai = (await a_customer(shop=shop, email="Kai@Example.com", balance_points=100)).id

    with pytest.raises(OwnAccount):
        await adjust(kai, 5, actor=Actor.staff(person.id, Role.SUPPORT), now=now)

    assert await points_of(kai) == 100


async def points_of(customer_id: UUID) -> int:
    return int(await transactions.value("SELECT available_points FROM wallet WHERE customer_id = $1", customer_id))
