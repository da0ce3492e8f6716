"""What is kept for a time, and forgotten afterwards; and the trail, checked every night."""

from datetime import datetime, timedelta

import pytest

from jobs import upkeep
from loyalty import transactions
from loyalty.access import Actor
from loyalty.audit import trail
from loyalty.once.answers import Once, answered

JOB = Actor.system("test")


async def one() -> int:
    return 1


async def test_an_answer_is_told_again_for_thirty_days_and_then_forgotten(database: str, now: datetime) -> None:
    await answered(Once("key", {}), "test", JOB, one, shape=int, now=now)

    early = await upkeep.forget_past_answers(JOB, now + timedelta(days=30))
    late = await upkeep.forget_past_answers(JOB, now + timedelta(days=30, seconds=1))

    assert (early, late) == ({"answers": 0}, {"answers": 1})


async def test_a_changed_row_of_the_trail_fails_the_nights_check(database: str, now: datetime) -> None:
    await transactions.in_one_transaction(
        lambda: trail.record(JOB, "test", subject_kind="test", subject_id="1", why="true", now=now)
    )
    assert await upkeep.verify_audit_trail(JOB, now) == {"rows": 1}

    await transactions.rows("ALTER TABLE audit_record DISABLE TRIGGER audit_record_append_only")
    await transactions.rows("UPDATE audit_record SET why = 'false'")
    await transactions.rows("ALTER TABLE audit_record ENABLE TRIGGER audit_record_append_only")

    with pytest.raises(upkeep.TrailBroken, match="Row 1"):
        await upkeep.verify_audit_trail(JOB, now)


@pytest.mark.parametrize("forget", [upkeep.forget_past_attempts, upkeep.forget_past_sessions, upkeep.forget_past_links])
async def test_an_empty_house_has_nothing_to_forget(database: str, now: datetime, forget: upkeep.Forget) -> None:
    facts = await forget(JOB, now)

    assert list(facts.values()) == [0]
