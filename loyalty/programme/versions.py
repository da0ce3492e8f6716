"""Which version of a programme holds at a moment; publishing the next one.

A published version never changes, so each process keeps those it has read. The list of versions is remembered for a
few seconds, and a new version comes into effect only after every process must have read the list again: no order that
is placed under it can be reckoned by the version before.
"""

import re
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from weakref import WeakKeyDictionary

import asyncpg
import orjson
from tortoise.connection import ConnectionHandler, get_connections

from loyalty import transactions
from loyalty.access import Actor, Permission, require
from loyalty.audit import trail
from loyalty.identity import new_id
from loyalty.ledger.units import open_units
from loyalty.programme.document import Programme
from loyalty.programme.reading import parsed, stored_form
from loyalty.refusals import Invalid, NotFound, Refusal

PUBLISHING_LOCK = (0x52656775, 2)
REMEMBERED_SECONDS = 5.0
NOTICE = timedelta(seconds=15)
"""How long before it holds a version is published; more than the list of versions is remembered."""

_COLUMNS = "id, programme, number, effective_at, document, published_at, published_by"


class EffectiveTooSoon(Refusal):
    """A programme is not changed for what has been bought already, and every process must hear of it in time.

    `earliest_at` is ISO 8601 in UTC.
    """

    code = "EFFECTIVE_TOO_SOON"
    stored = False

    def __init__(self, *, earliest_at: str) -> None:
        super().__init__(earliest_at=earliest_at)


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """One published version. It holds from `effective_at` until another one's."""

    id: UUID
    programme: str
    number: int
    effective_at: datetime
    document: Programme
    published_at: datetime
    published_by: str


@dataclass(frozen=True, slots=True)
class _Timeline:
    """The versions of one programme in the order in which they come into effect, and how long that is believed."""

    effective_at: list[datetime]
    version_ids: list[UUID]
    until_seconds: float


_known: dict[UUID, VersionFacts] = {}
_timelines: WeakKeyDictionary[ConnectionHandler, dict[str, _Timeline]] = WeakKeyDictionary()


async def version_at(programme: str, at: datetime) -> VersionFacts:
    """Return the version of the programme (by code) that holds at a moment: of those in effect the one that came into
    effect last, and of two with one date the higher number.

    Raises:
        NotFound: none does, or there is no such programme.
    """
    version = await version_at_if_any(programme, at)
    if version is None:
        raise NotFound(what="programme")
    return version


async def version_at_if_any(programme: str, at: datetime) -> VersionFacts | None:
    """Return the version that holds at a moment, or None: before the first version nothing was promised."""
    timeline = await _timeline(programme)
    position = bisect_right(timeline.effective_at, at)
    return await version_by_id(timeline.version_ids[position - 1]) if position else None


async def version_by_id(version_id: UUID) -> VersionFacts:
    """Return the version with this id.

    Raises:
        NotFound: there is none.
    """
    found = await versions_by_id([version_id])
    if version_id not in found:
        raise NotFound(what="programme_version")
    return found[version_id]


async def versions_by_id(version_ids: Sequence[UUID]) -> dict[UUID, VersionFacts]:
    """Return the versions with these ids, by id; those that do not exist are left out."""
    unknown = {version_id for version_id in version_ids if version_id not in _known}
    if unknown:
        for row in await transactions.rows(
            f"SELECT {_COLUMNS} FROM programme_version WHERE id = ANY($1::uuid[])", list(unknown)
        ):
            _known[row["id"]] = _facts(row)
    return {version_id: _known[version_id] for version_id in version_ids if version_id in _known}


async def versions(actor: Actor, programme: str, *, limit: int, before: int | None = None) -> list[VersionFacts]:
    """Return at most `limit` versions of the programme, newest number first, below the number `before`.

    Raises:
        NotPermitted: the actor may not read programmes.
    """
    require(actor, Permission.PROGRAMME_READ)
    found = await transactions.rows(
        f"SELECT {_COLUMNS} FROM programme_version WHERE programme = $1 AND ($2::int IS NULL OR number < $2)"
        " ORDER BY number DESC LIMIT $3",
        programme,
        before,
        limit,
    )
    return [_facts(row) for row in found]


async def publish(
    actor: Actor, programme: str, document: object, *, effective_at: datetime | None = None, now: datetime
) -> VersionFacts:
    """Publish a document as the next version of the programme, to hold from `effective_at`, or as soon as may be.

    `document` is a JSON value, a JSON text or a `Programme`. Only a programme's first version may hold from before.

    Raises:
        NotPermitted: the actor may not publish programmes.
        Invalid: `programme` is no code: up to 50 small letters, digits, "-" and "_".
        ProgrammeInvalid: the document is no programme.
        EffectiveTooSoon: `effective_at` is not 15 seconds ahead, and the programme has versions.
    """
    require(actor, Permission.PROGRAMME_PUBLISH)
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,49}", programme) is None:
        raise Invalid(field="programme")
    good = document if isinstance(document, Programme) else parsed(document)

    async def effects() -> VersionFacts:
        newest = await newest_number(programme)
        earliest_at = now + NOTICE if newest else now
        if newest and effective_at is not None and effective_at < earliest_at:
            raise EffectiveTooSoon(earliest_at=earliest_at.isoformat())
        return await add_version(actor, programme, good, newest + 1, effective_at or earliest_at, now)

    return await changed(effects)


async def changed(effects: Callable[[], Awaitable[VersionFacts]]) -> VersionFacts:
    """Run what publishes in a transaction of its own, and have this process read the list of versions again."""
    assert not transactions.in_transaction(), "a version that may yet be undone must not be read"
    try:
        return await transactions.in_one_transaction(effects)
    finally:
        _timelines.pop(get_connections(), None)


async def newest_number(programme: str) -> int:
    """Return the newest version's number, 0 for none, and let nobody else publish until the transaction ends."""
    await transactions.value("SELECT pg_advisory_xact_lock($1, $2)", *PUBLISHING_LOCK)
    # A statement of its own: it must see what the lock's last holder committed.
    newest = await transactions.value(
        "SELECT coalesce(max(number), 0) FROM programme_version WHERE programme = $1", programme
    )
    return int(newest)


async def add_version(
    actor: Actor, programme: str, document: Programme, number: int, effective_at: datetime, now: datetime
) -> VersionFacts:
    """Write a version and the act of publishing it, and open its units, in the open transaction."""
    await open_units([unit.code for unit in document.units], now=now)
    version = VersionFacts(new_id(now), programme, number, effective_at, document, now, actor.reference)
    await transactions.rows(
        f"INSERT INTO programme_version ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7)",
        version.id,
        programme,
        number,
        effective_at,
        orjson.dumps(stored_form(document)).decode(),
        now,
        actor.reference,
    )
    await trail.record(
        actor,
        "publish_programme",
        subject_kind="programme",
        subject_id=programme,
        after={"version": number, "effective_at": effective_at.isoformat()},
        now=now,
    )
    return version


async def _timeline(programme: str) -> _Timeline:
    remembered = _timelines.setdefault(get_connections(), {})
    known = remembered.get(programme)
    if known is not None and time.monotonic() < known.until_seconds:
        return known
    until_seconds = time.monotonic() + REMEMBERED_SECONDS
    found = await transactions.rows(
        "SELECT id, effective_at FROM programme_version WHERE programme = $1 ORDER BY effective_at, number", programme
    )
    read = _Timeline([row["effective_at"] for row in found], [row["id"] for row in found], until_seconds)
    if found:
        remembered[programme] = read
    return read


def _facts(row: asyncpg.Record) -> VersionFacts:
    return VersionFacts(
        id=row["id"],
        programme=row["programme"],
        number=row["number"],
        effective_at=row["effective_at"],
        document=parsed(row["document"]),
        published_at=row["published_at"],
        published_by=row["published_by"],
    )
