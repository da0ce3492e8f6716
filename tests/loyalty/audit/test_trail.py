"""The audit trail: one row per act, chained, readable by those who may."""

import asyncio
import hashlib
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from loyalty import transactions
from loyalty.access import Actor, NotPermitted
from loyalty.audit import trail
from loyalty.audit.trail import Filters, Verified
from loyalty.transactions import in_one_transaction
from tests.support.database import connection
from tests.support.staff import all_but, every_actor

ADMIN = every_actor()["admin"]
CUSTOMER = UUID(int=77)


async def acted(
    *, now: datetime, actor: Actor = ADMIN, action: str = "adjust_balance", subject_id: str = "s", **facts: int
) -> None:
    await in_one_transaction(
        lambda: trail.record(
            actor, action, subject_kind="wallet", subject_id=subject_id, customer_id=CUSTOMER, after=facts, now=now
        )
    )


async def tampered(url: str, statement: str) -> None:
    """Change the trail as somebody could who owns the database's server."""
    async with connection(url) as server:
        await server.execute("SET session_replication_role = replica")
        await server.execute(statement)


async def test_acts_are_told_newest_first_with_who_what_and_what_changed(database: str, now: datetime) -> None:
    await acted(now=now, action="adjust_balance", points=5)
    await acted(now=now + timedelta(seconds=1), action="approve_adjustment")

    page = await trail.page(ADMIN, first=10)

    newest, oldest = page.acts
    assert (newest.position, newest.action, newest.at) == (2, "approve_adjustment", now + timedelta(seconds=1))
    assert (oldest.actor, oldest.customer_id, oldest.after) == (ADMIN.reference, CUSTOMER, {"points": 5})
    assert not page.has_next


async def test_pages_follow_each_other_without_gap_while_acts_are_added(database: str, now: datetime) -> None:
    for number in range(5):
        await acted(now=now, subject_id=str(number))

    first = await trail.page(ADMIN, first=2)
    await acted(now=now, subject_id="late")
    second = await trail.page(ADMIN, first=3, after=first.acts[-1].position)

    assert [act.subject_id for act in first.acts + second.acts] == ["4", "3", "2", "1", "0"]
    assert (first.has_next, second.has_next) == (True, False)


async def test_filters_narrow_the_trail(database: str, now: datetime) -> None:
    await acted(now=now, action="adjust_balance", subject_id="a")
    await acted(now=now, action="adjust_balance", subject_id="b", actor=Actor.system("expire-points"))

    async def found(filters: Filters) -> list[str]:
        assert await trail.count(ADMIN, filters=filters) == len(
            (await trail.page(ADMIN, first=9, filters=filters)).acts
        )
        return [act.subject_id for act in (await trail.page(ADMIN, first=9, filters=filters)).acts]

    assert await found(Filters(actor="system:expire-points")) == ["b"]
    assert await found(Filters(subject_kind="wallet", subject_id="a")) == ["a"]
    assert await found(Filters(customer_id=CUSTOMER, action="adjust_balance")) == ["b", "a"]
    assert await found(Filters(customer_id=UUID(int=1))) == []


@pytest.mark.parametrize("name", all_but("admin"))
async def test_only_admins_read_the_trail(database: str, now: datetime, name: str) -> None:
    await acted(now=now)

    with pytest.raises(NotPermitted):
        await trail.page(every_actor()[name], first=10)
    with pytest.raises(NotPermitted):
        await trail.count(every_actor()[name])


async def test_an_act_disappears_with_a_change_that_is_undone(database: str, now: datetime) -> None:
    async def undone() -> None:
        await trail.record(ADMIN, "adjust_balance", subject_kind="wallet", subject_id="s", now=now)
        raise ValueError

    with pytest.raises(ValueError):
        await in_one_transaction(undone)
    await acted(now=now)

    assert [act.position for act in (await trail.page(ADMIN, first=10)).acts] == [1]


async def test_an_act_outside_a_transaction_is_a_mistake_of_ours(database: str, now: datetime) -> None:
    with pytest.raises(AssertionError, match="transaction of its change"):
        await trail.record(ADMIN, "adjust_balance", subject_kind="wallet", subject_id="s", now=now)


async def test_acts_at_the_same_time_stand_in_one_chain(database: str, now: datetime) -> None:
    await asyncio.gather(*(acted(now=now, subject_id=str(number)) for number in range(40)))

    verified = await trail.verify(rows_at_once=7)

    assert (verified.rows, verified.broken_at) == (40, None)


async def test_the_first_hash_is_sha256_of_what_the_documentation_says(database: str, now: datetime) -> None:
    await acted(now=now, subject_id="s", points=5)
    act = (await trail.page(ADMIN, first=1)).acts[0]

    canonical = (
        f'["{act.id}","2026-03-02T12:00:00.000000+00:00","{ADMIN.reference}","adjust_balance",'
        f'["wallet","s","{CUSTOMER}"],"",null,{{"points":5}}]'
    )

    assert await trail.verify() == Verified(1, hashlib.sha256(bytes(32 + 7) + b"\x01" + canonical.encode()).digest())


@pytest.mark.parametrize(
    ("statement", "broken_at", "problem"),
    [
        ("UPDATE audit_record SET actor = 'staff:x' WHERE position = 3", 3, "changed"),
        ("UPDATE audit_record SET after = '{\"points\": 4}' WHERE position = 3", 3, "changed"),
        ("UPDATE audit_record SET at = at + interval '1 microsecond' WHERE position = 5", 5, "changed"),
        ("UPDATE audit_record SET why = 'x' WHERE position = 1", 1, "changed"),
        ("UPDATE audit_record SET customer_id = NULL WHERE position = 2", 2, "changed"),
        ("UPDATE audit_record SET hash = sha256('x') WHERE position = 4", 4, "changed"),
        ("UPDATE audit_record SET previous_hash = sha256('x') WHERE position = 4", 4, "does not follow the row before"),
        ("DELETE FROM audit_record WHERE position = 2", 2, "missing"),
        ("DELETE FROM audit_record WHERE position = 1", 1, "missing"),
        (
            "UPDATE audit_record SET position = CASE position WHEN 2 THEN -3 ELSE -2 END WHERE position IN (2, 3);"
            "UPDATE audit_record SET position = -position WHERE position < 0",
            2,
            "does not follow the row before",
        ),
    ],
)
async def test_the_verification_names_the_first_row_that_was_tampered_with(
    database: str, now: datetime, statement: str, broken_at: int, problem: str
) -> None:
    for number in range(5):
        await acted(now=now, points=number)
    assert (await trail.verify()).broken_at is None

    await tampered(database, statement)

    verified = await trail.verify(rows_at_once=2)
    assert (verified.rows, verified.broken_at, verified.problem) == (broken_at - 1, broken_at, problem)


async def test_a_row_with_every_kind_of_value_verifies(database: str, now: datetime) -> None:
    before = {"text": "zażółć", "none": None, "list": [1, "two", {"b": 1, "a": 2}], "large": 10**15, "moment": now}

    await in_one_transaction(
        lambda: trail.record(ADMIN, "merge_customers", subject_kind="customer", subject_id="s", before=before, now=now)
    )

    assert (await trail.verify()).broken_at is None
    assert await transactions.value("SELECT before ->> 'text' FROM audit_record") == "zażółć"
