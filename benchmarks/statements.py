"""The statements that one request runs, taken down as the application sends them, to be run again without it.

The request is made once with marked numbers; whatever in the statements' values carries a mark, or is an id that the
application made, follows the numbers of whoever runs it again. So the bare handler and pgbench do the same work in the
database, statement by statement, and nothing beside it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg

CUSTOMER = "000000000042"
"""The customer's number while it is taken down."""

_MADE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_SEEDED = "-0000-7000-8000-"


@dataclass(frozen=True)
class Statement:
    """One round trip: its text, and its values with `@N` and `@C` for the numbers; `types` are PostgreSQL's."""

    sql: str
    values: tuple[Any, ...]
    types: tuple[str, ...]


class Recorder:
    """Takes down what a connection is asked while it listens."""

    def __init__(self) -> None:
        self.listens = False
        self.heard: list[tuple[str, tuple[Any, ...]]] = []

    def __call__(self, logged: Any) -> None:
        """Take down a statement; asyncpg calls this after each."""
        if self.listens:
            self.heard.append((logged.query, tuple(logged.args)))


async def statements_of(
    heard: Sequence[tuple[str, tuple[Any, ...]]], operation: str, kept: Sequence[UUID], connection: asyncpg.Connection
) -> list[Statement]:
    """Return what was heard with marks in place of numbers: the operation's, and the customer's.

    `kept` are ids that stay: the shop's, the version's.
    """
    marks = _Marks(operation, {str(one) for one in kept})
    statements = []
    for sql, values in heard:
        types: tuple[str, ...] = ()
        if values:
            types = tuple(one.name for one in (await connection.prepare(sql)).get_parameters())
        statements.append(Statement(sql, tuple(marks.marked(value) for value in values), types))
    return statements


class _Marks:
    def __init__(self, operation: str, kept: set[str]) -> None:
        self._operation, self._kept = operation, kept
        self._roles: dict[str, int] = {}

    def marked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, UUID):
            text = self._text(str(value))
            return _Id(text) if "@" in text else UUID(str(value))
        if isinstance(value, list | tuple):
            return [self.marked(one) for one in value]
        return value

    def _text(self, text: str) -> str:
        text = _MADE.sub(lambda found: self._id(found[0]), text)
        return text.replace(self._operation, "@N").replace(CUSTOMER, "@C")

    def _id(self, text: str) -> str:
        if text in self._kept or _SEEDED in text:
            return text
        role = self._roles.setdefault(text, len(self._roles))
        return f"{0xA0000000 + role:08x}{_SEEDED}@N"


class _Id(str):
    """The text of an id with a mark in it."""


Filled = Callable[[str, str], Any]


def filling(value: Any) -> Filled | None:
    """Return how a value follows the numbers (operation, customer), or None where it does not."""
    if isinstance(value, list):
        parts = [filling(one) or (lambda n, c, one=one: one) for one in value]
        if not any(map(filling, value)):
            return None
        return lambda n, c: [part(n, c) for part in parts]
    if isinstance(value, str) and "@" in value and ("@N" in value or "@C" in value):
        if isinstance(value, _Id):
            return lambda n, c: UUID(value.replace("@N", n).replace("@C", c))
        return lambda n, c: value.replace("@N", n).replace("@C", c)
    return None


def as_script(statements: Sequence[Statement], *, settings: Sequence[str]) -> str:
    """Return a pgbench script of the statements. `settings` set its variables: `n`, and `c` where it is marked."""
    lines = list(settings)
    for statement in statements:
        values = [_expression(*pair) for pair in zip(statement.values, statement.types, strict=True)]
        sql = " ".join(statement.sql.split())
        sql = re.sub(r"\$(\d+)", partial(_numbered, values), sql)
        lines.append(sql.rstrip("; ") + ";")
    return "\n".join(lines) + "\n"


def _numbered(values: Sequence[str], found: re.Match[str]) -> str:
    return values[int(found[1]) - 1]


def _expression(value: Any, type_: str) -> str:
    if value is None:
        return f"NULL::{type_}"
    text = _literal(value)
    quoted = _quoted(text)
    if "@N" in text:
        quoted = f"replace({quoted}, '@N', lpad(:n::text, 12, '0'))"
    if "@C" in text:
        quoted = f"replace({quoted}, '@C', lpad(:c::text, 12, '0'))"
    return f"({quoted})::{type_}"


def _quoted(text: str) -> str:
    # pgbench takes a colon before a letter for a variable, even in a literal.
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a").replace("\n", "\\n")
    return f"E'{escaped}'"


def _literal(value: Any) -> str:
    """Return a value as PostgreSQL writes it."""
    match value:
        case bool():
            return "t" if value else "f"
        case bytes():
            return "\\x" + value.hex()
        case datetime():
            return value.isoformat()
        case list():
            return "{" + ",".join("NULL" if one is None else _element(_literal(one)) for one in value) + "}"
    return str(value)


def _element(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
