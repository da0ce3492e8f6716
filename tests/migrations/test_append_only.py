"""Rows of the ledger and of the audit trail are never changed."""

import asyncpg
import pytest

from loyalty import transactions


@pytest.mark.parametrize("table", ["entry", "lot_movement", "audit_record"])
@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_the_ledger_refuses_to_be_changed(database: str, table: str, change: str) -> None:
    with pytest.raises(asyncpg.RestrictViolationError, match="the ledger is append-only"):
        await transactions.rows(change.format(table))
