"""The verifier replays what is right and names what is not."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from loyalty import transactions
from loyalty.ledger import posting, verification
from loyalty.ledger.verification import Report, verify
from tests.support.ledger import SYSTEM, World, random_draw, seeded, some_customers
from tests.support.ledger_pair import Pair

DAY = timedelta(days=1)


class Undone(Exception):
    """Undoes a corruption with its transaction."""


@dataclass(frozen=True)
class Shop:
    """Two customers to whom everything happened."""

    anna: UUID
    bjørn: UUID


async def a_shop(now: datetime) -> Shop:
    """Have one of every kind of entry.

    Anna: 1 earn 100 (lot 1), 2 earn 50 pending (lot 2), 3 release, 4 redeem 30, 5 reserve 20, 6 capture, 7 reserve 10,
    8 void, 9 reverse of 4, 10 clawback 15, 11 adjust 5 (lot 3), 12 expire lot 3, 13 transfer_out 40, 14 reserve 3.
    Bjørn: 1 earn 7, 2 transfer_in 40.
    """
    anna, bjørn = await some_customers(2)
    lot, order, first, second, third = uuid4(), uuid4(), uuid4(), uuid4(), uuid4()
    redeemed = uuid4()
    shared: dict[str, Any] = {"customer_id": anna, "unit": "points"}
    until, expiry = now + DAY, now + 9 * DAY
    happened: list[posting.Posting] = [
        posting.Earn(customer_id=bjørn, unit="points", points=7, earned_at=now),
        posting.Earn(**shared, points=100, earned_at=now, expires_at=expiry, order_id=order),
        posting.Earn(**shared, points=50, earned_at=now, awaits="shipment", lot_made_id=lot, order_id=uuid4()),
        posting.Release(**shared, lot_id=lot),
        posting.Redeem(**shared, points=30, entry_id=redeemed),
        posting.Reserve(**shared, points=20, reservation_id=first, reserved_until=until),
        posting.Capture(**shared, reservation_id=first),
        posting.Reserve(**shared, points=10, reservation_id=second, reserved_until=until),
        posting.Void(**shared, reservation_id=second, restored_until=until),
        posting.Reverse(**shared, related_entry_id=redeemed, restored_until=until),
        posting.Clawback(**shared, points=15, order_id=order, owing_allowed=True),
        posting.Adjust(**shared, points=5, expires_at=now - DAY),
        posting.Expire(**shared, expires_at=now - DAY),
        posting.Transfer(**shared, to_customer_id=bjørn, points=40),
        posting.Reserve(**shared, points=3, reservation_id=third, reserved_until=until),
    ]
    for told in await posting.post(happened, by=SYSTEM, now=now):
        told.or_refuse()
    return Shop(anna, bjørn)


async def verified_after(corruption: str, shop: Shop, now: datetime) -> Report:
    """Verify with the rows corrupted past every trigger and constraint, and undo it."""
    reports: list[Report] = []

    async def corrupted() -> None:
        await transactions.rows("SET LOCAL session_replication_role = replica")
        for statement in corruption.split(";"):
            named = statement.replace(":anna", f"'{shop.anna}'").replace(":bjørn", f"'{shop.bjørn}'")
            await transactions.rows(named)
        reports.append(await verify(now))
        raise Undone

    with pytest.raises(Undone):
        await transactions.in_one_transaction(corrupted)
    return reports[0]


SOMEBODY = "'00000000-0000-0000-0000-000000000001'"


def wallet(change: str) -> str:
    return f"UPDATE wallet SET {change} WHERE customer_id = :anna"


def entry(sequence: int, change: str) -> str:
    return f"UPDATE entry SET {change} WHERE customer_id = :anna AND sequence = {sequence}"


def lot(sequence: int, change: str) -> str:
    return (
        "ALTER TABLE lot DROP CONSTRAINT lot_parts_sum_to_earned;"
        f" UPDATE lot SET {change} WHERE customer_id = :anna AND sequence = {sequence}"
    )


CORRUPTIONS = {
    "available": (wallet("available_points = 73"), "available should be 72, and 73 stands"),
    "pending": (wallet("pending_points = 1"), "pending should be 0, and 1 stands"),
    "reserved": (wallet("reserved_points = 0"), "reserved should be 3, and 0 stands"),
    "owed": (wallet("owed_points = 5"), "owed should be 0, and 5 stands"),
    "lifetime earned": (wallet("lifetime_earned_points = 0"), "lifetime_earned should be 135, and 0 stands"),
    "lifetime redeemed": (wallet("lifetime_redeemed_points = 0"), "lifetime_redeemed should be 20, and 0 stands"),
    "version": (wallet("version = 15"), "the number of its newest entry should be 14, and 15 stands"),
    "lots made": (wallet("lots_made = 9"), "the number of its newest lot should be 3, and 9 stands"),
    "unit of a wallet": (wallet("unit = 'stars'"), "in stars"),
    "customer of a wallet": (wallet(f"customer_id = {SOMEBODY}"), "the customer should be"),
    "wallet gone": ("DELETE FROM wallet WHERE customer_id = :anna", "no entry gives what it takes"),
    "wallet of one customer gone": ("DELETE FROM wallet", "hangs on nothing"),
    "points": (entry(4, "points = -31"), "entry 4 (redeem): points should be -30, and -31 stands"),
    "available delta": (entry(4, "available_delta = -31"), "entry 4 (redeem): the change of available should be -30"),
    "pending delta": (entry(3, "pending_delta = 0"), "entry 3 (release): the change of pending should be -50, and 0"),
    "reserved delta": (entry(5, "reserved_delta = 1"), "entry 5 (reserve): the change of reserved should be 20, and 1"),
    "owed delta": (entry(10, "owed_delta = 1"), "entry 10 (clawback): the change of owed should be 0, and 1"),
    "earned delta": (entry(1, "lifetime_earned_delta = 0"), "the change of lifetime_earned should be 100, and 0"),
    "redeemed delta": (entry(6, "lifetime_redeemed_delta = 0"), "the change of lifetime_redeemed should be 20, and 0"),
    "balance after": (entry(9, "balance_after_points = 0"), "entry 9 (reverse): available afterwards should be 130"),
    "contra": (entry(11, "contra = 'issued'"), "the contra account should be adjusted, and issued stands"),
    "kind": (entry(1, "kind = 'adjust'"), "entry 1 (adjust)"),
    "gap at the end": (entry(14, "sequence = 99"), "entry 99 (reserve): entry 14 should come next"),
    "customer of an entry": (entry(2, f"customer_id = {SOMEBODY}"), "entry 2 (earn): the customer should be"),
    "order of an entry": (entry(1, "order_id = NULL"), "entry 1 (earn): the order should be"),
    "expiry of an entry": (
        entry(1, "expires_at = NULL"),
        "expires_at should be 2026-03-11T12:00:00+00:00, and nothing",
    ),
    "what is reversed": (entry(9, "related_entry_id = NULL"), "entry 9 (reverse): the entry it refers to should be"),
    "what is captured": (entry(6, "related_entry_id = NULL"), "entry 6 (capture): the entry it refers to should be"),
    "a transfer's other half": (entry(13, "related_entry_id = NULL"), "its units were given to entry None"),
    "moment of an entry": (entry(4, "recorded_at = now()"), "entry 4 (redeem): the moment it was recorded should be"),
    "nothing asked": (entry(4, "asked = '{}'"), "entry 4 (redeem): what was asked cannot be replayed"),
    "other points asked": (
        entry(4, """asked = asked || '{"points": 33}'"""),
        "available should be -33, and -30 stands",
    ),
    "too much asked": (entry(4, """asked = asked || '{"points": 999}'"""), "the rules refuse it: balance_too_low"),
    "points asked as text": (entry(4, """asked = asked || '{"points": "30"}'"""), "points '30'"),
    "entry gone": ("DELETE FROM entry WHERE customer_id = :anna AND sequence = 4", "entry 4 should come next"),
    "newest entry gone": ("DELETE FROM entry WHERE customer_id = :anna AND sequence = 14", "lot 1: open should be 25"),
    "taking half gone": (
        "DELETE FROM entry WHERE kind = 'transfer_in'",
        "no entry takes|the numbers of its lots",
    ),
    "giving half gone": (
        "DELETE FROM entry WHERE kind = 'transfer_out'",
        "no entry gives what it takes|entry 13 should come next",
    ),
    "entry forged": (
        "INSERT INTO entry SELECT (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid(), 'sequence', 15)"
        ")).* FROM entry e WHERE customer_id = :anna AND sequence = 4",
        "entry 15 (redeem)",
    ),
    "earned": (lot(1, "open_points = open_points + 1, earned_points = 101"), "lot 1: earned should be 100"),
    "open": (lot(1, "open_points = open_points + 1"), "lot 1: open should be 22, and 23 stands"),
    "part of a lot": (lot(1, "reversed_points = 0, adjusted_points = 15"), "adjusted should be 0, and 15 stands"),
    "expiry of a lot": (lot(1, "expires_at = expires_at + interval '1 year'"), "lot 1: expires_at should be"),
    "expiry gone": (lot(1, "expires_at = NULL"), "2026-03-11T12:00:00+00:00, and nothing stands"),
    "birth of a lot": (lot(1, "earned_at = now()"), "lot 1: earned_at should be"),
    "what a lot awaits": (lot(2, "awaits = NULL"), "lot 2: awaits should be shipment, and nothing stands"),
    "when a lot is due": (lot(2, "available_at = earned_at"), "lot 2: available_at should be nothing"),
    "order of a lot": (lot(1, "order_id = NULL"), "lot 1: order_id should be"),
    "number of a lot": (lot(3, "sequence = 4"), "its movements should be ['5 of lot 3 from open to expired']"),
    "entry of a lot": (
        lot(2, "entry_id = (SELECT id FROM entry WHERE customer_id = :anna AND sequence = 3)"),
        "lot 2: the entry that made it should be",
    ),
    "customer of a lot": (lot(1, f"customer_id = {SOMEBODY}"), "lot 1: the customer should be"),
    "lot gone": ("DELETE FROM lot WHERE customer_id = :anna AND sequence = 3", "its movements should be"),
    "untouched lot gone": ("DELETE FROM lot WHERE customer_id = :bjørn AND sequence = 2", "the numbers of its lots"),
    "lot in no wallet": (
        "UPDATE lot SET wallet_id = gen_random_uuid() WHERE customer_id = :bjørn AND sequence = 2",
        "the numbers of its lots should be [1, 2], and [1] stands",
    ),
    "size of a movement": (
        "UPDATE lot_movement SET points = 29 WHERE points = 30 AND to_part = 'redeemed'",
        "should be ['30 of lot 1 from open to redeemed'], and ['29 of lot 1 from open to redeemed'] stands",
    ),
    "way of a movement": (
        "UPDATE lot_movement SET to_part = 'expired' WHERE to_part = 'redeemed'",
        "and ['30 of lot 1 from open to expired'] stands",
    ),
    "movement gone": ("DELETE FROM lot_movement WHERE to_part = 'transferred'", "13 (transfer_out): its movements"),
    "movement in another wallet's lot": (
        "UPDATE lot_movement SET lot_id = (SELECT id FROM lot WHERE customer_id = :bjørn AND sequence = 1)"
        " WHERE to_part = 'transferred'",
        "of another wallet from open to transferred",
    ),
    "customer of a movement": (f"UPDATE lot_movement SET customer_id = {SOMEBODY}", "the customer of a movement"),
    "movement of no entry": (
        "INSERT INTO lot_movement (id, entry_id, lot_id, customer_id, points, from_part, to_part)"
        " SELECT 9999999, gen_random_uuid(), id, customer_id, 1, 'open', 'expired' FROM lot LIMIT 1",
        "movement 9999999 hangs on nothing",
    ),
    "lot of no wallet": (
        "INSERT INTO lot (id, wallet_id, customer_id, sequence, entry_id, earned_points, open_points, earned_at)"
        " SELECT gen_random_uuid(), gen_random_uuid(), customer_id, 1, id, 5, 5, recorded_at FROM entry LIMIT 1",
        "hangs on nothing",
    ),
    "reservation closed": ("UPDATE reservation SET state = 'voided' WHERE state = 'open'", "the state should be open"),
    "reservation reopened": ("UPDATE reservation SET state = 'open'", "and open stands"),
    "units of a reservation": ("UPDATE reservation SET points = points + 1", "points should be"),
    "time of a reservation": ("UPDATE reservation SET expires_at = now()", "expires_at should be"),
    "end of a reservation": ("UPDATE reservation SET closed_at = now()", "closed_at should be"),
    "entry of a reservation": ("UPDATE reservation SET entry_id = gen_random_uuid()", "the entry that made it"),
    "reservation gone": ("DELETE FROM reservation WHERE state = 'open'", "its reservations should be"),
}


@pytest.mark.parametrize(("corruption", "named"), CORRUPTIONS.values(), ids=CORRUPTIONS)
async def test_a_corruption_is_named(database: str, now: datetime, corruption: str, named: str) -> None:
    shop = await a_shop(now)

    report = await verified_after(corruption, shop, now)

    assert any(either in str(report.first_difference) for either in named.split("|")), report.first_difference
    assert (await verify(now)).agrees


async def test_what_is_right_agrees_and_is_counted(database: str, now: datetime) -> None:
    await a_shop(now)

    report = await verify(now)

    assert report == Report(wallets=2, entries=16, differing=0, first_difference=None, verified_at=now)


async def test_one_customers_wallets_are_verified_with_those_their_transfers_touch(
    database: str, now: datetime
) -> None:
    shop = await a_shop(now)
    other = await a_shop(now)
    await transactions.rows("UPDATE wallet SET version = 99 WHERE customer_id = $1", other.anna)

    report = await verify(now, customer_id=shop.bjørn)
    damaged = await verify(now, customer_id=other.bjørn)

    assert (report.wallets, report.agrees) == (2, True)
    assert damaged.first_difference is not None
    assert str(other.anna) in damaged.first_difference


async def test_families_are_found_across_chunks_and_nobody_is_counted_twice(
    database: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "WALLETS_PER_CHUNK", 2)
    monkeypatch.setattr(verification, "ROWS_PER_WALK", 7)
    told: list[tuple[int, int]] = []

    with seeded() as dice:
        pair = Pair(World(await some_customers(9)))
        while pair.posted < 300:
            pair.world.pass_time(dice.randrange(30))
            await pair.post([random_draw(dice) for _ in range(10)])
        report = await verify(now, progress=lambda wallets, entries: told.append((wallets, entries)))

        standing = await transactions.row("SELECT (SELECT count(*) FROM wallet) w, (SELECT count(*) FROM entry) e")
        assert standing is not None
        assert (report.wallets, report.entries, report.agrees) == (standing["w"], standing["e"], True)
        assert told[-1] == (report.wallets, report.entries)


async def test_every_damaged_family_is_counted(database: str, now: datetime) -> None:
    for _ in range(3):
        await a_shop(now)
    await transactions.rows("UPDATE wallet SET version = 99")

    report = await verify(now)

    assert (report.differing, report.agrees) == (3, False)
