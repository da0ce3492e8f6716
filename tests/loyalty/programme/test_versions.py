"""Which version of a programme holds, and who publishes the next one."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from loyalty import transactions
from loyalty.access import Actor, NotPermitted, Permission, Role
from loyalty.programme.reading import ProgrammeInvalid
from loyalty.programme.versions import (
    NOTICE,
    REMEMBERED_SECONDS,
    EffectiveTooSoon,
    publish,
    version_at,
    version_at_if_any,
    version_by_id,
    versions,
)
from loyalty.refusals import Invalid, NotFound
from tests.support.programme import TESTS, a_document, a_programme, a_rule

pytestmark = pytest.mark.usefixtures("database")

MARKETER = Actor.staff(uuid4(), Role.MARKETER)


async def test_a_version_holds_from_its_date_until_the_next_ones(now: datetime) -> None:
    first = await publish(MARKETER, "club", a_document(), effective_at=now - timedelta(days=1), now=now)
    second = await publish(MARKETER, "club", a_document(earn=[]), effective_at=now + timedelta(days=1), now=now)

    held = [(await version_at("club", now + timedelta(hours=hours))).number for hours in (-24, 0, 23, 24, 99)]

    assert held == [1, 1, 1, 2, 2]
    assert (first.number, second.number) == (1, 2)


async def test_a_version_published_for_an_earlier_date_holds_until_the_one_planned_before_it(now: datetime) -> None:
    await publish(MARKETER, "club", a_document(), effective_at=now, now=now)
    await publish(MARKETER, "club", a_document(), effective_at=now + timedelta(days=20), now=now)
    await publish(MARKETER, "club", a_document(), effective_at=now + timedelta(days=10), now=now)

    held = [(await version_at("club", now + timedelta(days=days))).number for days in (0, 10, 19, 20)]

    assert held == [1, 3, 3, 2]


async def test_of_two_versions_with_one_date_the_later_number_holds(now: datetime) -> None:
    for _ in range(3):
        await publish(MARKETER, "club", a_document(), effective_at=now + timedelta(days=1), now=now)

    assert (await version_at("club", now + timedelta(days=1))).number == 3


async def test_before_the_first_version_nothing_is_promised(now: datetime) -> None:
    await publish(MARKETER, "club", a_document(), effective_at=now, now=now)

    assert await version_at_if_any("club", now - timedelta(microseconds=1)) is None
    with pytest.raises(NotFound):
        await version_at("club", now - timedelta(microseconds=1))


async def test_a_programme_nobody_published_is_not_found(now: datetime) -> None:
    with pytest.raises(NotFound):
        await version_at("nobody's", now)


async def test_what_was_published_is_told_with_its_document(now: datetime) -> None:
    published = await publish(MARKETER, "club", a_document(), now=now)

    told = await version_by_id(published.id)

    assert told == published
    assert told.document == a_programme()
    assert told.published_by == MARKETER.reference


async def test_a_change_does_not_hold_before_everybody_has_heard_of_it(now: datetime) -> None:
    await publish(MARKETER, "club", a_document(), now=now)

    with pytest.raises(EffectiveTooSoon) as refusal:
        await publish(MARKETER, "club", a_document(), effective_at=now, now=now)

    assert refusal.value.facts == {"earliest_at": (now + NOTICE).isoformat()}
    assert len(await versions(MARKETER, "club", limit=10)) == 1


async def test_a_change_without_a_date_holds_as_soon_as_may_be(now: datetime) -> None:
    first = await publish(MARKETER, "club", a_document(), now=now)
    second = await publish(MARKETER, "club", a_document(), now=now)

    assert (first.effective_at, second.effective_at) == (now, now + timedelta(seconds=15))


async def test_another_processs_version_is_read_before_it_holds(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loyalty.programme.versions.REMEMBERED_SECONDS", 0)
    await publish(MARKETER, "club", a_document(), now=now)
    await version_at("club", now)
    await transactions.rows(
        "INSERT INTO programme_version SELECT gen_random_uuid(), programme, 2, $1, document, published_at, published_by"
        " FROM programme_version",
        now + NOTICE,
    )

    held = await version_at("club", now + NOTICE)

    assert held.number == 2


def test_the_list_of_versions_is_read_again_before_a_new_one_holds() -> None:
    assert timedelta(seconds=2 * REMEMBERED_SECONDS) < NOTICE


async def test_twenty_who_publish_at_once_get_twenty_numbers(now: datetime) -> None:
    published = await asyncio.gather(
        *(publish(MARKETER, "club", a_document(), effective_at=now + timedelta(days=1), now=now) for _ in range(20))
    )

    assert sorted(version.number for version in published) == list(range(1, 21))


async def test_versions_are_told_newest_first_page_by_page(now: datetime) -> None:
    for _ in range(3):
        await publish(MARKETER, "club", a_document(), now=now)

    page = await versions(MARKETER, "club", limit=2)
    rest = await versions(MARKETER, "club", limit=2, before=page[-1].number)

    assert [version.number for version in page] == [3, 2]
    assert [version.number for version in rest] == [1]


async def test_a_bad_document_is_refused_and_nothing_is_kept(now: datetime) -> None:
    with pytest.raises(ProgrammeInvalid):
        await publish(MARKETER, "club", a_document(earn=[a_rule(unit="stars")]), now=now)

    assert await transactions.value("SELECT count(*) FROM programme_version") == 0
    assert await transactions.value("SELECT count(*) FROM audit_record") == 0


async def test_a_programme_has_a_short_name(now: datetime) -> None:
    with pytest.raises(Invalid):
        await publish(MARKETER, "The Club", a_document(), now=now)


async def test_publishing_is_kept_in_the_audit_trail(now: datetime) -> None:
    await publish(MARKETER, "club", a_document(), now=now)

    act = await transactions.row("SELECT actor, action, subject_id FROM audit_record")

    assert act is not None
    assert tuple(act) == (MARKETER.reference, "publish_programme", "club")


async def test_the_units_of_a_version_are_known_to_the_ledger(now: datetime) -> None:
    await publish(MARKETER, "club", a_document(), now=now)

    assert await transactions.value("SELECT array_agg(code) FROM unit") == ["points"]


@pytest.mark.parametrize(
    "actor",
    [
        Actor.public(),
        Actor.customer(uuid4()),
        Actor.staff(uuid4(), Role.ANALYST),
        Actor.staff(uuid4(), Role.SUPPORT),
        Actor.key(uuid4(), frozenset(Permission) - {Permission.PROGRAMME_PUBLISH}),
    ],
    ids=lambda actor: f"{actor.kind}-{'-'.join(actor.roles)}",
)
async def test_only_marketers_admins_and_keys_with_the_scope_publish(actor: Actor, now: datetime) -> None:
    with pytest.raises(NotPermitted):
        await publish(actor, "club", a_document(), now=now)

    assert await transactions.value("SELECT count(*) FROM programme_version") == 0


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MARKETER])
async def test_marketers_and_admins_publish(role: Role, now: datetime) -> None:
    assert (await publish(Actor.staff(uuid4(), role), "club", a_document(), now=now)).number == 1


async def test_the_public_does_not_list_versions() -> None:
    with pytest.raises(NotPermitted):
        await versions(Actor.public(), "club", limit=10)


async def test_the_first_version_may_hold_from_long_ago(now: datetime) -> None:
    await publish(TESTS, "club", a_document(), effective_at=datetime(2017, 1, 1, tzinfo=UTC), now=now)

    assert (await version_at("club", datetime(2018, 1, 1, tzinfo=UTC))).number == 1
