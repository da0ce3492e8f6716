"""Run an operation once per key.

The answer, or the refusal, is written by the same transaction as the effects. Keys are unique per principal,
operation and key, so another customer's key neither collides nor leaks.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Generic, TypeVar

import asyncpg
import orjson
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, to_jsonable_python

from loyalty.access import Actor
from loyalty.identity import new_ids
from loyalty.refusals import Invalid, Refusal, TryAgain
from loyalty.transactions import Conflict, in_one_transaction, rows

T = TypeVar("T")

KEY_LENGTH_MAX = 200
KEPT_DAYS = 30


class IdempotencyMismatch(Refusal):
    """The key was used before with another input. Nothing was done."""

    code = "IDEMPOTENCY_MISMATCH"

    def __init__(self, *, key: str) -> None:
        super().__init__(key=key)


class KeyInvalid(Refusal):
    """An idempotency key has 1 to 200 characters that can be stored: no NUL, no half of a surrogate pair."""

    code = "IDEMPOTENCY_KEY_INVALID"
    stored = False

    def __init__(self, *, length: int, length_max: int = KEY_LENGTH_MAX) -> None:
        super().__init__(length=length, length_max=length_max)


def check_key(key: str) -> None:
    """Let a key pass that can be kept.

    Raises:
        KeyInvalid: it is empty, too long, or holds what no database can store.
    """
    if not 1 <= len(key) <= KEY_LENGTH_MAX or "\x00" in key or any("\ud800" <= letter <= "\udfff" for letter in key):
        raise KeyInvalid(length=len(key))


@dataclass(frozen=True)
class Once:
    """A caller's key and the input it belongs to."""

    key: str
    input: Any

    def input_hash(self, operation: str) -> bytes:
        """Return SHA-256 of the operation and the canonical JSON of the input."""
        return canonical_hash([operation, self.input])


def canonical_hash(content: Any) -> bytes:
    """Return SHA-256 of the content's canonical JSON: sorted keys, no spaces.

    Raises:
        Invalid: the content holds what is no text or no number of JSON: half of a surrogate pair, or more than 64 bits.
    """
    try:
        plain = to_jsonable_python(content, fallback=str)
        canonical = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except (UnicodeError, TypeError, PydanticSerializationError):
        raise Invalid(field="input", problem="unprintable") from None
    return hashlib.sha256(canonical).digest()


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What an operation answered, and whether it was told again."""

    value: T
    replayed: bool


@dataclass(frozen=True)
class Stored:
    """A stored answer or refusal: exactly one of the two texts."""

    answer: str | None
    refusal: str | None

    def told(self, shape: Any) -> Any:
        """Return the stored answer, or raise the stored refusal."""
        if self.refusal is not None:
            told = orjson.loads(self.refusal)
            raise Refusal.told_again(told["code"], told["facts"])
        assert self.answer is not None
        return _adapter(shape).validate_json(self.answer)


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def answer_text(value: Any, shape: Any) -> str:
    """Return the stored form of an answer."""
    return _adapter(shape).dump_json(value).decode()


def refusal_text(refusal: Refusal) -> str:
    """Return the stored form of a refusal."""
    return orjson.dumps({"code": refusal.code, "facts": refusal.facts}, option=orjson.OPT_SORT_KEYS).decode()


async def answered(
    once: Once,
    operation: str,
    actor: Actor,
    effects: Callable[[], Awaitable[T]],
    *,
    shape: Any,
    now: datetime,
) -> Answer[T]:
    """Run `effects` in one transaction unless this key was answered before; then tell that answer again.

    A refusal the rules mean (`Refusal.stored`) undoes the effects and is stored itself, so a retry after a top-up
    tells the same. Faults, and refusals about the input, are not stored. `shape` is the answer's dataclass, or a union
    of them that differ in a field's name.

    Raises:
        IdempotencyMismatch: the key was used before with other input.
        TryAgain: the same key is in flight and was not answered within two seconds.
        Refusal: what the effects refused, now or the first time.
    """
    check_key(once.key)
    input_hash = once.input_hash(operation)

    async def known() -> Stored | None:
        [stored] = await stored_answers(actor, operation, [(once.key, input_hash)])
        return stored

    async def attempt() -> Stored | Answer[T]:
        if (stored := await known()) is not None:
            return stored
        done = await effects()
        await store(actor, operation, [(once.key, input_hash, Stored(answer_text(done, shape), None))], now=now)
        return Answer(done, replayed=False)

    async def refuse(refusal: Refusal) -> Stored | None:
        # The same key may have been answered meanwhile, and its effects be why these ones were refused.
        if (stored := await known()) is not None:
            return stored
        if refusal.stored:
            await store(actor, operation, [(once.key, input_hash, Stored(None, refusal_text(refusal)))], now=now)
        return None

    try:
        outcome = await in_one_transaction(attempt, repeatable=True)
    except (IdempotencyMismatch, TryAgain):
        raise
    except Refusal as refusal:
        meant = refusal
        # The refused transaction is gone with all it did; the refusal is committed by one of its own.
        told = await in_one_transaction(lambda: refuse(meant), repeatable=True)
        if told is None:
            raise
        outcome = told
    return outcome if isinstance(outcome, Answer) else Answer(outcome.told(shape), replayed=True)


async def stored_answers(actor: Actor, operation: str, keys: Sequence[tuple[str, bytes]]) -> list[Stored | None]:
    """Return, in the order of `keys`, what each key was answered, or None for a new one.

    Raises:
        IdempotencyMismatch: a key was used before with other input.
    """
    known = await _known(actor, operation, keys)
    for key, input_hash in keys:
        if key in known and known[key][0] != input_hash:
            raise IdempotencyMismatch(key=key)
    return [known[key][1] if key in known else None for key, _ in keys]


async def stored_or_mismatched(
    actor: Actor, operation: str, keys: Sequence[tuple[str, bytes]]
) -> list[Stored | IdempotencyMismatch | None]:
    """As `stored_answers`, with the mismatch in its place: for batches whose members have their own outcomes."""
    known = await _known(actor, operation, keys)
    return [
        None if key not in known else known[key][1] if known[key][0] == input_hash else IdempotencyMismatch(key=key)
        for key, input_hash in keys
    ]


async def _known(actor: Actor, operation: str, keys: Sequence[tuple[str, bytes]]) -> dict[str, tuple[bytes, Stored]]:
    found = await rows(
        "SELECT key, input_hash, answer, refusal FROM once_answer"
        " WHERE principal = $1 AND operation = $2 AND key = ANY($3::text[])",
        actor.reference,
        operation,
        [key for key, _ in keys],
    )
    return {row["key"]: (bytes(row["input_hash"]), Stored(row["answer"], row["refusal"])) for row in found}


async def store(actor: Actor, operation: str, answers: Sequence[tuple[str, bytes, Stored]], *, now: datetime) -> None:
    """Store answers (key, input hash, answer or refusal) in the open transaction.

    Raises:
        Conflict: one of the keys was answered meanwhile; the transaction starts again and tells that answer.
    """
    ordered = sorted(answers, key=lambda answer: answer[0])  # two batches wait for each other in one order
    try:
        await rows(
            "INSERT INTO once_answer (id, principal, operation, key, input_hash, answer, refusal, answered_at)"
            " SELECT id, $2, $3, key, input_hash, answer, refusal, $8"
            " FROM unnest($1::uuid[], $4::text[], $5::bytea[], $6::text[], $7::text[])"
            " AS new(id, key, input_hash, answer, refusal)",
            new_ids(now, len(ordered)),
            actor.reference,
            operation,
            [key for key, _, _ in ordered],
            [input_hash for _, input_hash, _ in ordered],
            [stored.answer for _, _, stored in ordered],
            [stored.refusal for _, _, stored in ordered],
            now,
        )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "once_answer_key":
            raise Conflict from error
        raise


async def forget_past_answers(*, now: datetime) -> int:
    """Delete answers older than thirty days, and return how many. Upkeep, for a job.

    A key that comes back later is a new one; external references and order numbers still keep it from having a second
    effect.
    """
    return len(
        await rows("DELETE FROM once_answer WHERE answered_at < $1 RETURNING 1", now - timedelta(days=KEPT_DAYS))
    )
