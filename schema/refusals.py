"""A refusal of the rules as a type of the schemas, in one table.

In a mutation a refusal is a member of the result's union; in a query, or where the union does not have it, it is an
error with a published code (`schema.masking`). Nobody catches refusals: a resolver lets them pass, and the handlers
below turn them into the member of the field's own union. A concept's file pairs its refusals like this::

    @face_of(adjustment.BalanceTooLow)
    class BalanceTooLow(Refusal):
        balance_points: BigInt = strawberry.field(description="What the wallet holds, in the unit's smallest part.")
        asked_points: BigInt = strawberry.field(description="What was to be taken off.")

    AdjustBalanceResult = Annotated[
        BalanceAdjusted | BalanceTooLow | KeyedRefusals, strawberry.union("AdjustBalanceResult", description="…")
    ]
"""

import inspect
from collections.abc import Callable
from datetime import date, datetime
from enum import Enum
from typing import Any, TypeVar, cast, get_args, get_type_hints

import strawberry
from strawberry.types.field import StrawberryField

from loyalty import access, refusals
from loyalty.access import ActorKind
from loyalty.once import answers
from loyalty.throttles import attempts
from loyalty.words.wording import refusal_worded
from schema.context import Info

F = TypeVar("F", bound="Refusal")


@strawberry.interface(description="A rule said no.")
class Refusal:
    """What every refusal tells."""

    code: str = strawberry.field(description='The rule\'s own name, for programs: "BALANCE_TOO_LOW".')
    message: str = strawberry.field(description="What was refused and what can be done, in the caller's language.")


FACES: dict[type[refusals.Refusal], type[Refusal]] = {}
"""Every refusal that can be a member of a union, and its type. Filled by `face_of`, read by `refusal_handlers`."""


def face_of(refusal: type[refusals.Refusal]) -> Callable[[type[F]], type[F]]:
    """Make a class the GraphQL type of a refusal. Its fields are facts of the refusal, by the same names.

    Its description is the refusal's own first sentence.
    """

    def pair(face: type[F]) -> type[F]:
        description = (inspect.getdoc(refusal) or "").split("\n\n")[0].replace("\n", " ")
        typed = strawberry.type(face, description=description)
        facts = set(inspect.signature(refusal.__init__).parameters)
        missing = _fields(typed).keys() - facts
        assert not missing, f"{refusal.__name__} has no fact {missing}"
        FACES[refusal] = typed
        return typed

    return pair


def told(refusal: refusals.Refusal, language: str) -> Refusal | None:
    """Return the refusal as its type, worded for the reader; None for one without a type.

    For results that carry refusals as data, as the members of a batch do.
    """
    face = next((FACES[kind] for kind in type(refusal).__mro__ if kind in FACES), None)
    return _of(face, refusal, language) if face else None


def refusal_handlers() -> list[strawberry.ExceptionHandler[Any, Any]]:
    """Return a handler for each pair, the most special refusal first: Strawberry takes the first that fits."""
    return [_Told(refusal, face) for refusal, face in sorted(FACES.items(), key=lambda pair: -len(pair[0].__mro__))]


class _Told(strawberry.ExceptionHandler):  # type: ignore[type-arg]  # its types are known when it is made
    """Tells one refusal as the union member it is paired with."""

    def __init__(self, refusal: type[refusals.Refusal], face: type[Refusal]) -> None:
        self.exception_type = refusal
        self.error_type = face

    def handle(self, exception: refusals.Refusal, *, field: StrawberryField, info: Info) -> Refusal | None:
        """Return the member, or None for what is an error wherever it happens: nobody has signed in."""
        if isinstance(exception, access.NotPermitted) and info.context.actor.kind is ActorKind.PUBLIC:
            return None
        return _of(self.error_type, exception, info.context.language)


def _of(face: type[Refusal], refusal: refusals.Refusal, language: str) -> Refusal:
    facts = {name: _typed(refusal.facts.get(name), hint) for name, hint in _fields(face).items()}
    return face(code=refusal.code, message=refusal_worded(refusal, language), **facts)


def _fields(face: type[Refusal]) -> dict[str, Any]:
    """Return the fields of a face that are facts, with their types."""
    hints = get_type_hints(face)
    return {name: hint for name, hint in hints.items() if name not in ("code", "message") and not name.startswith("_")}


def _typed(fact: refusals.Fact, hint: Any) -> Any:
    """Return a fact, which is of a JSON type, as the type its field has."""
    for kind in (hint, *get_args(hint)):
        if fact is not None and isinstance(kind, type):
            if issubclass(kind, datetime | date):
                return kind.fromisoformat(cast(str, fact))
            if issubclass(kind, Enum):
                return kind(fact)
    return fact


@face_of(access.NotPermitted)
class NotPermitted(Refusal):
    """Paired with the rule of the same name."""

    permission: str = strawberry.field(description="The permission that would be needed.")


@face_of(refusals.NotFound)
class NotFound(Refusal):
    """Paired with the rule of the same name."""

    what: str = strawberry.field(description='What was looked for: "customer", "order", "reward".')


@face_of(refusals.Invalid)
class Invalid(Refusal):
    """Paired with the rule of the same name."""

    field: str = strawberry.field(description="The input field that cannot be meant so.")
    problem: str = strawberry.field(description="What is wrong with it, for programs.")
    line_number: int | None = strawberry.field(description="The line of the order, from 1, if it is one line's.")


@face_of(refusals.TryAgain)
class TryAgain(Refusal):
    """Paired with the rule of the same name."""


@face_of(attempts.Throttled)
class Throttled(Refusal):
    """Paired with the rule of the same name."""

    retry_after_seconds: int = strawberry.field(description="After so many seconds one more attempt is counted.")


@face_of(answers.IdempotencyMismatch)
class IdempotencyMismatch(Refusal):
    """Paired with the rule of the same name."""

    key: str = strawberry.field(description="The idempotency key that was used before with another input.")


@face_of(answers.KeyInvalid)
class IdempotencyKeyInvalid(Refusal):
    """Paired with the rule of the same name."""

    length: int = strawberry.field(description="How many characters the key has.")
    length_max: int = strawberry.field(description="How many it may have.")


PlainRefusals = NotPermitted | NotFound | Invalid | TryAgain | Throttled
"""What any mutation can be refused with."""

KeyedRefusals = PlainRefusals | IdempotencyMismatch | IdempotencyKeyInvalid
"""What a mutation with an idempotency key can be refused with."""
