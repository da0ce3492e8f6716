"""Redeem a reward: once, for its price, by whom it may be."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from loyalty import transactions
from loyalty.access import Actor, NotPermitted, Role
from loyalty.ledger.balances import entries_page, points_balance, wallets_of
from loyalty.ledger.posting import BalanceTooLow
from loyalty.once.answers import Answer, IdempotencyMismatch
from loyalty.programme.versions import publish
from loyalty.refusals import NotFound, TryAgain
from loyalty.rewards.catalogue import RewardNotAvailable
from loyalty.rewards.entitlements import entitlements_by_id, entitlements_counts, entitlements_of
from loyalty.rewards.redemption import NotAMember, Redeemed, redeem_reward
from tests.support.programme import TESTS, a_document, a_key, a_member, a_reward, a_shop, all_actors, earned

pytestmark = pytest.mark.usefixtures("database")


async def redeem(
    customer_id: UUID, *, reward_id: str = "free-shipping", key: str | None = None, now: datetime
) -> Answer[Redeemed]:
    return await redeem_reward(
        a_key([str(customer_id), reward_id], key=key),
        customer_id=customer_id,
        reward_id=reward_id,
        actor=Actor.customer(customer_id),
        now=now,
    )


async def traces() -> list[int]:
    """Count what a redemption leaves: entries that take, and entitlements."""
    found = await transactions.row(
        "SELECT (SELECT count(*) FROM entry WHERE kind <> 'earn'), (SELECT count(*) FROM entitlement)"
    )
    assert found is not None
    return list(found)


async def test_a_reward_costs_its_points_and_is_held_from_then_on(now: datetime) -> None:
    shop, version = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=250, now=now)

    answer = await redeem(customer_id, now=now)

    [held] = (await entitlements_of([customer_id], limit=10, now=now))[customer_id]
    assert answer == Answer(Redeemed(held.id, held.entry_id), replayed=False)
    assert (held.reward_id, held.state, held.points, held.programme_version_id) == (
        "free-shipping",
        "issued",
        200,
        version.id,
    )
    assert await points_balance(customer_id, now=now) == 50


async def test_the_entry_names_the_reward_in_every_language(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=200, now=now)

    await redeem(customer_id, now=now)

    [entry, _] = await entries_page(customer_id, first=10)
    told = await transactions.value("SELECT explanation->'reward'->>'et' FROM entry WHERE id = $1", entry.id)
    assert (entry.kind, entry.points, entry.balance_after_points, told) == ("redeem", -200, 0, "Free shipping")


async def test_what_expires_first_is_spent_first(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=150, now=now)
    await earned(customer_id, 150, expires_at=now + timedelta(days=5), now=now)

    await redeem(customer_id, now=now)

    [wallet] = (await wallets_of([customer_id], now=now + timedelta(days=4)))[customer_id]
    assert (wallet.available_points, wallet.expiring) == (100, ())


async def test_a_reward_can_be_used_to_the_end_of_its_last_day_in_the_shops_zone(now: datetime) -> None:
    shop, _ = await a_shop(rewards=[a_reward(validity_days=30)], now=now)
    customer_id = await a_member(shop, balance_points=200, now=now)

    answer = await redeem(customer_id, now=now)

    held = (await entitlements_by_id([answer.value.entitlement_id], now=now))[answer.value.entitlement_id]
    # 1 April 2026 ends in Tallinn, where it is summer by then.
    assert held.expires_at == datetime(2026, 4, 1, 21, tzinfo=UTC)
    later = await entitlements_by_id([held.id], now=datetime(2026, 4, 1, 21, tzinfo=UTC))
    assert (held.state, later[held.id].state) == ("issued", "expired")


async def test_a_reward_keeps_the_terms_under_which_it_was_had(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=200, now=now)
    await redeem(customer_id, now=now)

    await publish(TESTS, shop.programme, a_document(rewards=[a_reward(points=900)]), now=now)

    [held] = (await entitlements_of([customer_id], limit=10, now=now))[customer_id]
    assert held.terms == {**a_reward(), "validity_days": None}


async def test_the_same_key_tells_the_same_answer_and_takes_nothing_more(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=500, now=now)
    first = await redeem(customer_id, key="checkout-7", now=now)
    stored = await transactions.value("SELECT answer FROM once_answer")

    again = await redeem(customer_id, key="checkout-7", now=now + timedelta(days=1))

    assert again == Answer(first.value, replayed=True)
    assert await transactions.value("SELECT answer FROM once_answer") == stored
    assert await points_balance(customer_id, now=now) == 300


async def test_the_same_key_for_another_reward_is_a_mismatch(now: datetime) -> None:
    shop, _ = await a_shop(rewards=[a_reward(), a_reward(id="other")], now=now)
    customer_id = await a_member(shop, balance_points=500, now=now)
    await redeem(customer_id, key="checkout-7", now=now)

    with pytest.raises(IdempotencyMismatch):
        await redeem(customer_id, reward_id="other", key="checkout-7", now=now)

    assert await points_balance(customer_id, now=now) == 300


async def test_a_balance_too_low_is_refused_and_leaves_no_trace(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=199, now=now)

    with pytest.raises(BalanceTooLow) as refusal:
        await redeem(customer_id, now=now)

    assert refusal.value.facts == {"balance_points": 199, "asked_points": 200}
    assert await traces() == [0, 0]
    assert await points_balance(customer_id, now=now) == 199


async def test_a_refusal_is_told_again_even_after_a_top_up(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=199, now=now)
    with pytest.raises(BalanceTooLow):
        await redeem(customer_id, key="checkout-7", now=now)
    await earned(customer_id, 100, now=now)

    with pytest.raises(BalanceTooLow) as refusal:
        await redeem(customer_id, key="checkout-7", now=now)

    assert refusal.value.facts == {"balance_points": 199, "asked_points": 200}
    assert await traces() == [0, 0]


async def test_points_whose_last_day_is_over_pay_for_nothing(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=200, expires_at=now + timedelta(days=1), now=now)

    with pytest.raises(BalanceTooLow):
        await redeem(customer_id, now=now + timedelta(days=1))

    assert await traces() == [0, 0]


async def test_a_reward_the_programme_does_not_have_is_not_available(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=500, now=now)

    with pytest.raises(RewardNotAvailable):
        await redeem(customer_id, reward_id="a-yacht", now=now)

    assert await traces() == [0, 0]


async def test_who_does_not_take_part_redeems_nothing(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=500, enrolled=False, now=now)

    with pytest.raises(NotAMember):
        await redeem(customer_id, now=now)

    assert await traces() == [0, 0]


async def test_a_customer_nobody_knows_is_not_found(now: datetime) -> None:
    await a_shop(now=now)

    with pytest.raises(NotFound):
        await redeem(uuid4(), now=now)


async def test_a_merged_customer_pays_from_the_account_that_was_kept(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    kept_id = await a_member(shop, balance_points=250, now=now)
    merged_id = await a_member(shop, now=now)
    await transactions.rows("UPDATE customer SET merged_into_id = $1 WHERE id = $2", kept_id, merged_id)

    await redeem(merged_id, now=now)

    assert await points_balance(kept_id, now=now) == 50
    assert await entitlements_counts([kept_id]) == {kept_id: 1}


MAY = {"customer", Role.ADMIN.value, Role.SUPPORT.value, "key", "job"}


@pytest.mark.parametrize("name", [name for name, _ in all_actors(uuid4(), other_customer_id=uuid4())])
async def test_customers_redeem_for_themselves_and_staff_and_keys_with_the_permission_for_them(
    name: str, now: datetime
) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=200, now=now)
    actor = dict(all_actors(customer_id, other_customer_id=uuid4()))[name]

    async def attempt() -> Answer[Redeemed]:
        return await redeem_reward(a_key(), customer_id=customer_id, reward_id="free-shipping", actor=actor, now=now)

    if name in MAY:
        assert not (await attempt()).replayed
    else:
        with pytest.raises(NotPermitted):
            await attempt()
        assert await traces() == [0, 0]


async def test_of_two_hundred_who_spend_the_last_points_one_succeeds(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=399, now=now)

    async def contender() -> str:
        key = uuid4().hex
        while True:
            try:
                await redeem(customer_id, key=key, now=now)
                return "redeemed"
            except BalanceTooLow:
                return "too low"
            except TryAgain:
                continue

    outcomes = await asyncio.gather(*(contender() for _ in range(200)))

    assert (outcomes.count("redeemed"), outcomes.count("too low")) == (1, 199)
    assert await points_balance(customer_id, now=now) == 199
    assert await traces() == [1, 1]


async def test_one_key_sent_fifty_times_at_once_redeems_once(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=10_000, now=now)

    async def sent() -> Answer[Redeemed]:
        while True:
            try:
                return await redeem(customer_id, key="checkout-7", now=now)
            except TryAgain:
                continue

    answers = await asyncio.gather(*(sent() for _ in range(50)))

    assert len({answer.value for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    assert await points_balance(customer_id, now=now) == 9_800


async def test_what_somebody_holds_is_told_newest_first_page_by_page(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id, other_id = [await a_member(shop, balance_points=1_000, now=now) for _ in range(2)]
    for minutes in range(3):
        await redeem(customer_id, now=now + timedelta(minutes=minutes))
    await redeem(other_id, now=now)

    page = await entitlements_of([customer_id, other_id], limit=2, now=now)
    last = page[customer_id][-1]
    rest = await entitlements_of([customer_id], limit=2, before=(last.issued_at, last.id), now=now)

    assert [held.issued_at.minute for held in page[customer_id]] == [2, 1]
    assert [held.issued_at.minute for held in rest[customer_id]] == [0]
    assert len(page[other_id]) == 1
    assert await entitlements_counts([customer_id]) == {customer_id: 3}
