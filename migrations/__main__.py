"""Write the migrations that take the database to what the models and posting.sql say: `make migration NAME=why`."""

import argparse
import asyncio
from pathlib import Path

from tortoise import Tortoise
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.operations import AddConstraint, CreateModel, Operation
from tortoise.migrations.writer import MigrationWriter, format_migration_name

from loyalty.tables import APP, tortoise_config

HERE = Path(__file__).parent
POSTING = HERE.parent / "loyalty" / "ledger" / "posting.sql"
POSTING_MIGRATION = '''"""The ledger's functions, as they stood in loyalty/ledger/posting.sql."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations import operations as ops

POSTING = Path(__file__).parent.joinpath("sql", "{name}.sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("{app}", "{before}")]

    operations = [ops.RunSQL(POSTING, reverse_sql=ops.RunSQL.noop)]
'''


def with_constraints_added(operations: list[Operation]) -> list[Operation]:
    """Return the operations with each new model's constraints as operations of their own.

    Tortoise 1.1.9 keeps them among the options of CreateModel, where they never reach the database.
    """
    added: list[Operation] = []
    for operation in operations:
        if isinstance(operation, CreateModel) and operation.options:
            constraints = operation.options.pop("constraints", ())
            added += [AddConstraint(operation.name, constraint) for constraint in constraints]
    return [*operations, *added]


async def missing() -> list[MigrationWriter]:
    """Return what the models say and the migrations do not yet."""
    config = tortoise_config("postgresql://localhost/none")
    await Tortoise.init(config=config, init_connections=False)
    assert Tortoise.apps is not None
    return await MigrationAutodetector(Tortoise.apps, config["apps"]).changes()


def posting_is_frozen() -> bool:
    """Tell whether the newest copy of the ledger's functions is what posting.sql says."""
    copies = sorted((HERE / "sql").glob("*_posting.sql"))
    return bool(copies) and copies[-1].read_text() == POSTING.read_text()


def freeze_posting() -> Path:
    """Copy posting.sql to a migration of its own and return that migration's path."""
    before = max(path.stem for path in HERE.glob("[0-9]*.py"))
    name = format_migration_name(int(before[:4]) + 1, "posting")
    (HERE / "sql" / f"{name}.sql").write_text(POSTING.read_text())
    path = HERE / f"{name}.py"
    path.write_text(POSTING_MIGRATION.format(name=name, app=APP, before=before))
    return path


def write(name: str | None) -> list[Path]:
    """Write what is missing and return the new migrations' paths."""
    paths = []
    for writer in asyncio.run(missing()):
        writer.operations = with_constraints_added(list(writer.operations))
        if name:
            writer.name = format_migration_name(int(writer.name.split("_", 1)[0]), name)
        paths.append(Path(writer.write()))
    return paths if posting_is_frozen() else [*paths, freeze_posting()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m migrations", description=__doc__)
    parser.add_argument("name", nargs="?", help="what changes, as a few words")
    written = write(parser.parse_args().name)
    print("\n".join(map(str, written)) if written else "Nothing to write: the migrations say what the models say.")
