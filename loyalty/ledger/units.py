"""The units that are collected. Programmes stand above the ledger and tell it which units there are."""

from collections.abc import Sequence
from datetime import datetime

from loyalty.refusals import NotFound
from loyalty.transactions import rows, storable, value


async def open_units(codes: Sequence[str], *, now: datetime) -> None:
    """Make these units known; those known already stay as they are."""
    await rows(
        "INSERT INTO unit (code, opened_at) SELECT code, $2 FROM unnest($1::text[]) AS new(code)"
        " ON CONFLICT DO NOTHING",
        sorted(set(codes)),
        now,
    )


async def require_unit(code: str) -> None:
    """Let a known unit pass.

    Raises:
        NotFound: no programme collects it.
    """
    if not storable(code) or not await value("SELECT EXISTS (SELECT FROM unit WHERE code = $1)", code):
        raise NotFound(what="unit")
