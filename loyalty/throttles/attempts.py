"""Count attempts, and refuse when there were too many.

A window is cut into ten slices and the slices that overlap it are summed, so no stretch of `window` ever holds more
than `limit` attempts. Refused attempts are not counted: whoever waits as told gets in, whatever others go on doing.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg

from loyalty.identity import new_id
from loyalty.refusals import Refusal
from loyalty.transactions import in_one_transaction, in_transaction, rows, value

SLICES = 10
WINDOW_MAX = timedelta(days=30)

_subject_key = b"regulars"


class Throttled(Refusal):
    """Too many attempts. After `retry_after_seconds` one more is counted."""

    code = "THROTTLED"
    stored = False

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(retry_after_seconds=retry_after_seconds)


def hash_subjects_with(key: bytes) -> None:
    """Hash subjects with this key from now on. Called once, at the start, with the application's secret.

    Every process needs the same key, or each counts for itself.
    """
    global _subject_key
    _subject_key = hashlib.sha256(b"throttles" + key).digest()


async def attempt(kind: str, subject: str, *, limit: int, window: timedelta, now: datetime) -> None:
    """Count one attempt of `kind` by `subject`, or refuse it when `window` already holds `limit` of them.

    The count is committed by a transaction of its own, so it stands whatever becomes of the operation; call it
    before the operation opens its transaction. A kind has one window. The subject (an address, an e-mail, an id) is
    kept as a keyed hash only.

    Raises:
        Throttled: there were too many; refused attempts do not count.
    """
    assert not in_transaction(), "attempts are counted before the transaction, else a rollback forgets them"
    await in_one_transaction(lambda: attempt_with_the_rest(kind, subject, limit=limit, window=window, now=now))


async def attempt_with_the_rest(kind: str, subject: str, *, limit: int, window: timedelta, now: datetime) -> None:
    """As `attempt`, inside the open transaction: for operations that refuse nothing once this is counted.

    Raises:
        Throttled: there were too many.
    """
    assert in_transaction(), "the lock holds only until the transaction ends"
    hashed = _hashed(kind, subject)
    # Two attempts of one subject are counted one after the other, so the last free place is given once.
    await value("SELECT pg_advisory_xact_lock($1)", int.from_bytes(hashed[:8], "big", signed=True))
    slices = await _slices(kind, hashed, window=window, now=now)
    if sum(counted["attempts"] for counted in slices) >= limit:
        raise Throttled(retry_after_seconds=_wait_seconds(slices, limit=limit, window=window, now=now))
    await value(
        "INSERT INTO attempt_count (id, kind, subject_hash, window_starts_at, attempts) VALUES ($1, $2, $3, $4, 1)"
        " ON CONFLICT (kind, subject_hash, window_starts_at) DO UPDATE SET attempts = attempt_count.attempts + 1",
        new_id(now),
        kind,
        hashed,
        _slice_start(now, window / SLICES),
    )


async def attempts_made(kind: str, subject: str, *, window: timedelta, now: datetime) -> int:
    """Return how many attempts of `kind` by `subject` the window that ends `now` holds."""
    slices = await _slices(kind, _hashed(kind, subject), window=window, now=now)
    return sum(counted["attempts"] for counted in slices)


async def forgive(kind: str, subject: str) -> None:
    """Forget the attempts of `kind` by `subject`: the right password clears the wrong ones before it."""
    await value("DELETE FROM attempt_count WHERE kind = $1 AND subject_hash = $2", kind, _hashed(kind, subject))


async def forget_past_attempts(*, now: datetime) -> int:
    """Delete the counts that no window reaches any more, and return how many rows that were. Upkeep, for a job."""
    deleted = await rows(
        "DELETE FROM attempt_count WHERE window_starts_at < $1 RETURNING 1", now - WINDOW_MAX - WINDOW_MAX / SLICES
    )
    return len(deleted)


def _hashed(kind: str, subject: str) -> bytes:
    return hashlib.blake2b(
        f"{kind}\0{subject}".encode(errors="surrogatepass"), key=_subject_key, digest_size=32
    ).digest()


def _slice_start(now: datetime, width: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (now - epoch) // width * width


async def _slices(kind: str, hashed: bytes, *, window: timedelta, now: datetime) -> list[asyncpg.Record]:
    assert window <= WINDOW_MAX, "upkeep would forget attempts that still count"
    return await rows(
        "SELECT window_starts_at, attempts FROM attempt_count"
        " WHERE kind = $1 AND subject_hash = $2 AND window_starts_at > $3 ORDER BY window_starts_at",
        kind,
        hashed,
        now - window - window / SLICES,
    )


def _wait_seconds(slices: Sequence[asyncpg.Record], *, limit: int, window: timedelta, now: datetime) -> int:
    left = sum(counted["attempts"] for counted in slices)
    for counted in slices:
        left -= counted["attempts"]
        if left < limit:
            gone_at: datetime = counted["window_starts_at"] + window / SLICES + window
            return max(1, -((now - gone_at) // timedelta(seconds=1)))
    return max(1, int(window.total_seconds()))
