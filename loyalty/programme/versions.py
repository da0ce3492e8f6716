"""Which version of a programme holds at a moment; publishing the next one.

A published version never changes, so each process keeps what it has read once. Which version holds is asked of the
database every time: another process may have published.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from loyalty import transactions
from loyalty.access import Actor, Permission, require
from loyalty.audit import trail
from loyalty.identity import new_id
from loyalty.programme.document import Programme
from loyalty.programme.reading import parsed, stored_form
from loyalty.refusals import Invalid, NotFound, Refusal

PUBLISHING_LOCK = (0x52656775, 2)

_COLUMNS = "id, programme, number, effective_at, document, published_at, published_by"


class EffectiveInThePast(Refusal):
    """A programme is not changed for what has been bought already. Both moments are ISO 8601 in UTC."""

    code = "EFFECTIVE_IN_THE_PAST"
    stored = False

    def __init__(self, *, effective_at: str, earliest_at: str) -> None:
        super().__init__(effective_at=effective_at, earliest_at=earliest_at)


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


_known: dict[UUID, VersionFacts] = {}


async def version_at(programme: str, at: datetime) -> VersionFacts:
    """Return the version of the programme (by code) that holds at a moment.

    Raises:
        NotFound: none does, or there is no such programme.
    """
    [version] = await versions_at(programme, [at])
    return version


async def versions_at(programme: str, moments: Sequence[datetime]) -> list[VersionFacts]:
    """Return, for each moment in its place, the version that holds then: of those in effect the one that came into
    effect last, and of two with one date the higher number. One question, however many moments.

    Raises:
        NotFound: at one of the moments none does, or there is no such programme.
    """
    found = await transactions.rows(
        "SELECT (SELECT v.id FROM programme_version v WHERE v.programme = $1 AND v.effective_at <= asked.at"
        " ORDER BY v.effective_at DESC, v.number DESC LIMIT 1) AS id"
        " FROM unnest($2::timestamptz[]) WITH ORDINALITY AS asked(at, place) ORDER BY asked.place",
        programme,
        moments,
    )
    if any(row["id"] is None for row in found):
        raise NotFound(what="programme")
    by_id = await versions_by_id([row["id"] for row in found])
    return [by_id[row["id"]] for row in found]


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
    actor: Actor, programme: str, document: object, *, effective_at: datetime, now: datetime
) -> VersionFacts:
    """Publish a document as the next version of the programme, to hold from `effective_at`.

    `document` is a JSON value, a JSON text or a `Programme`. Only a programme's first version may hold from before now.

    Raises:
        NotPermitted: the actor may not publish programmes.
        Invalid: `programme` is no code: up to 50 small letters, digits, "-" and "_".
        ProgrammeInvalid: the document is no programme.
        EffectiveInThePast: `effective_at` is before `now`, and the programme has versions.
    """
    require(actor, Permission.PROGRAMME_PUBLISH)
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,49}", programme) is None:
        raise Invalid(field="programme")
    good = document if isinstance(document, Programme) else parsed(document)

    async def effects() -> VersionFacts:
        newest = await locked_number(programme)
        if newest and effective_at < now:
            raise EffectiveInThePast(effective_at=effective_at.isoformat(), earliest_at=now.isoformat())
        version = VersionFacts(new_id(now), programme, newest + 1, effective_at, good, now, actor.reference)
        await _insert(version)
        await trail.record(
            actor,
            "publish_programme",
            subject_kind="programme",
            subject_id=programme,
            after={"version": version.number, "effective_at": effective_at.isoformat()},
            now=now,
        )
        return version

    return await transactions.in_one_transaction(effects)


async def locked_number(programme: str) -> int:
    """Return the newest version's number, 0 for none, and let nobody else publish until the transaction ends."""
    await transactions.value("SELECT pg_advisory_xact_lock($1, $2)", *PUBLISHING_LOCK)
    # A statement of its own: it must see what the lock's last holder committed.
    return int(
        await transactions.value(
            "SELECT coalesce(max(number), 0) FROM programme_version WHERE programme = $1", programme
        )
    )


async def _insert(version: VersionFacts) -> None:
    await transactions.rows(
        f"INSERT INTO programme_version ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7)",
        version.id,
        version.programme,
        version.number,
        version.effective_at,
        orjson.dumps(stored_form(version.document)).decode(),
        version.published_at,
        version.published_by,
    )


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
