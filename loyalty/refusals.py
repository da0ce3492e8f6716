"""A rule said no.

A `Refusal` is an answer, not a fault: it names the rule by `code` and carries facts with their units in the name.
It is worded at the edge, in the reader's language. Faults of our own are ordinary exceptions.
"""

from typing import ClassVar, Self

Fact = str | int | bool | None


class Refusal(Exception):
    """The base of every refusal.

    A subclass declares `code` and takes its facts as keyword arguments, each of a JSON type,
    so that a stored refusal can be told again: `Refusal.told_again(code, facts)`.
    """

    code: ClassVar[str]
    stored: ClassVar[bool] = True
    """Whether a retry with the same key is told the same; not so for input that can be mended and sent again."""
    by_code: ClassVar[dict[str, type["Refusal"]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" in cls.__dict__:
            taken = Refusal.by_code.setdefault(cls.code, cls)
            assert taken.__qualname__ == cls.__qualname__, f"two refusals share the code {cls.code}"

    def __init__(self, **facts: Fact) -> None:
        super().__init__(self.code)
        for name, fact in facts.items():
            setattr(self, name, fact)
        self._facts = facts

    @property
    def facts(self) -> dict[str, Fact]:
        """Return the facts by name; units are part of the names."""
        return dict(self._facts)

    @classmethod
    def told_again(cls, code: str, facts: dict[str, Fact]) -> "Refusal":
        """Return the refusal with this code and these facts."""
        return cls.by_code[code](**facts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Refusal) and (self.code, self._facts) == (other.code, other._facts)

    def __hash__(self) -> int:
        return hash(self.code)

    def __str__(self) -> str:
        told = ", ".join(f"{name}={fact!r}" for name, fact in self._facts.items())
        return f"{self.code}({told})"

    def __reduce__(self) -> tuple[object, tuple[type[Self], dict[str, Fact]]]:
        return (_made, (type(self), self._facts))


def _made(kind: type[Refusal], facts: dict[str, Fact]) -> Refusal:
    """Make a copied or unpickled refusal: its facts are keyword arguments, which exceptions do not keep."""
    return kind(**facts)


class NotFound(Refusal):
    """There is no such thing, or the asker may not know of it.

    `what` is a word of the glossary ("customer", "order", "reward", …).
    """

    code = "NOT_FOUND"
    stored = False

    def __init__(self, *, what: str) -> None:
        super().__init__(what=what)


class Invalid(Refusal):
    """A value cannot be what was meant. The base of refusals about input; never stored for replays."""

    code = "INVALID"
    stored = False

    def __init__(self, *, field: str, problem: str = "invalid", line_number: int | None = None) -> None:
        super().__init__(field=field, problem=problem, line_number=line_number)


class TryAgain(Refusal):
    """Something else is using the same thing just now; the same request may succeed in a moment."""

    code = "TRY_AGAIN"
    stored = False

    def __init__(self) -> None:
        super().__init__()
