"""The database that the migrations build is the one the models describe."""

import re
from typing import Any

import asyncpg
import pytest
from tortoise import Tortoise
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import AlterModelOptions
from tortoise.models import Model

from loyalty import transactions
from migrations.__main__ import missing, posting_is_frozen


def _models() -> list[type[Model]]:
    assert Tortoise.apps is not None
    return [model for models in Tortoise.apps.values() for model in models.values()]


async def test_the_migrations_say_what_the_models_say() -> None:
    operations = [operation for writer in await missing() for operation in writer.operations]

    # A model's docstring is its table's description; a better word for it is no change of the database.
    changes = [operation for operation in operations if not isinstance(operation, AlterModelOptions)]
    assert [operation.describe() for operation in changes] == [], "run make migration"


def test_the_newest_copy_of_the_ledger_functions_is_what_posting_sql_says() -> None:
    assert posting_is_frozen(), "run make migration"


async def test_every_column_of_a_model_is_in_the_database_with_its_nullability(database: str) -> None:
    found = await transactions.rows(
        "SELECT table_name, column_name, is_nullable = 'YES' AS nullable"
        " FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'tortoise_migrations'"
    )

    described = {
        (model._meta.db_table, model._meta.fields_db_projection[name], model._meta.fields_map[name].null)
        for model in _models()
        for name in model._meta.fields_db_projection
    }
    assert {tuple(row.values()) for row in found} == described


async def test_every_constraint_of_a_model_is_in_the_database(database: str) -> None:
    checks = await _names("SELECT conname AS name FROM pg_constraint WHERE contype = 'c'")
    uniques = await _names(
        "SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisunique"
    )

    for model in _models():
        for constraint in model._meta.constraints:
            held = checks if isinstance(constraint, CheckConstraint) else uniques
            assert constraint.name in held, f"{model.__name__}: {constraint.name}"


async def test_every_index_of_a_model_is_in_the_database(database: str) -> None:
    found = {
        row["indexname"]: re.sub(r'"', "", row["indexdef"])
        for row in await transactions.rows("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
    }

    for model in _models():
        for index in model._meta.indexes:
            assert isinstance(index, Index), "an index has a name"
            columns = ", ".join(index.fields)
            assert f"({columns})" in found[index.name or ""], f"{model.__name__}: {index.name}"


async def test_a_movement_numbers_itself(database: str) -> None:
    default = await transactions.value(
        "SELECT column_default FROM information_schema.columns WHERE table_name = 'lot_movement' AND column_name = 'id'"
    )

    assert default == "nextval('lot_movement_id_seq'::regclass)"


@pytest.mark.parametrize(
    "key",
    ["wallet_customer", "entry_wallet", "lot_wallet", "lot_movement_entry_key", "lot_movement_lot_key"],
)
async def test_nothing_in_the_ledger_points_nowhere(database: str, key: str) -> None:
    validated = await transactions.value("SELECT convalidated FROM pg_constraint WHERE conname = $1", key)

    assert validated is True


@pytest.mark.parametrize(("table", "option"), [("wallet", "fillfactor=50"), ("lot", "fillfactor=80")])
async def test_rows_that_change_often_leave_room_on_their_page(database: str, table: str, option: str) -> None:
    options: Any = await transactions.value("SELECT reloptions FROM pg_class WHERE relname = $1", table)

    assert options == [option]


async def test_who_watches_a_balance_is_forgotten_in_a_crash(database: str) -> None:
    assert await transactions.value("SELECT relpersistence FROM pg_class WHERE relname = 'balance_watch'") == b"u"


async def _names(sql: str) -> set[str]:
    found: list[asyncpg.Record] = await transactions.rows(sql)
    return {row["name"] for row in found}
