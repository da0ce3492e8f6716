"""The tests' databases: one server for all, a template migrated once, a copy for each worker, cleaned between tests."""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from loyalty.tables import credentials
from server.database import migrate_locked
from server.embedded import default_data_dir, embedded

CHECKOUT = Path(__file__).parents[2]
MIGRATIONS = CHECKOUT / "migrations"
TRUNCATED_FROM_BYTES = 1_000_000
# Nobody waits for the disk to keep what a test wrote.
HURRIED = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum_naptime": "5s"}


@contextmanager
def test_server() -> Iterator[str]:
    """Yield the URL of a server on which databases may be made: yours, or an embedded one that workers share."""
    if yours := os.environ.get("REGULARS_DATABASE_URL"):
        yield yours
        return
    data_dir = Path(os.environ.get("REGULARS_DATA_DIR") or default_data_dir(CHECKOUT)) / "tests"
    with embedded(data_dir, HURRIED) as url:
        yield url


def database_url(server_url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection of its own."""
    opened = await asyncpg.connect(**credentials(url), server_settings={"timezone": "UTC", "jit": "off"})
    try:
        yield opened
    finally:
        await opened.close()


@contextmanager
def worker_database(server_url: str) -> Iterator[str]:
    """Yield the URL of a migrated database that only this process uses, and drop it afterwards."""
    name = f"regulars_test_{os.getpid()}"
    with _one_process_at_a_time():
        asyncio.run(_copy_of_template(server_url, name))
    try:
        yield database_url(server_url, name)
    finally:
        asyncio.run(_dropped(server_url, name))


@asynccontextmanager
async def empty_database(server_url: str, name: str = "empty", owner: str | None = None) -> AsyncIterator[str]:
    """Yield the URL of a database without any migration, and drop it afterwards."""
    name = f"regulars_test_{os.getpid()}_{name}"
    async with connection(server_url) as server:
        await server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await server.execute(f'CREATE DATABASE "{name}"' + (f' OWNER "{owner}"' if owner else ""))
    try:
        yield database_url(server_url, name)
    finally:
        await _dropped(server_url, name)


@contextmanager
def _one_process_at_a_time() -> Iterator[None]:
    path = Path("/tmp") / f"regulars-tests-{os.geteuid()}.lock"  # noqa: S108 - holds nothing
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


async def _copy_of_template(server_url: str, name: str) -> None:
    template = f"regulars_template_{_migrations_hash()}"
    async with connection(server_url) as server:
        await _drop_what_was_left(server, template)
        if not await server.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", template):
            await _make_template(server, server_url, template)
        await server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


async def _make_template(server: asyncpg.Connection, server_url: str, template: str) -> None:
    unfinished = f"{template}_unfinished"
    await server.execute(f'DROP DATABASE IF EXISTS "{unfinished}" WITH (FORCE)')
    await server.execute(f'CREATE DATABASE "{unfinished}"')
    await migrate_locked(database_url(server_url, unfinished))
    await server.execute(f'ALTER DATABASE "{unfinished}" RENAME TO "{template}"')


def _migrations_hash() -> str:
    files = sorted([*MIGRATIONS.glob("*.py"), *MIGRATIONS.glob("sql/*.sql")])
    told = hashlib.sha256()
    for file in files:
        told.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return told.hexdigest()[:12]


async def _drop_what_was_left(server: asyncpg.Connection, template: str) -> None:
    """Drop the databases of test runs that were killed, and templates of earlier migrations."""
    unused = await server.fetch(
        "SELECT datname FROM pg_database d WHERE datname LIKE 'regulars\\_t%'"
        " AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = d.datname)"
    )
    for name in (row["datname"] for row in unused):
        killed = name.startswith("regulars_test_") and not _runs(int(name.split("_")[2]))
        outdated = name.startswith("regulars_template_") and name != template
        if killed or outdated:
            await server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def _dropped(server_url: str, name: str) -> None:
    async with connection(server_url) as server:
        await server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class Cleaner:
    """Empties the tables that a test wrote to, over a connection and an event loop of its own."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.connection = self._run(asyncpg.connect(**credentials(url)))
        tables = self._run(self.connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        self.tables = sorted({row["tablename"] for row in tables} - {"tortoise_migrations"})
        # The append-only rows are held by triggers, which this session alone does not fire.
        self._run(self.connection.execute("SET session_replication_role = replica; SET lock_timeout = '10s'"))

    def clean(self) -> None:
        """Leave every table empty."""
        touched = self._run(self.connection.fetch(self._touched()))
        large = [row["name"] for row in touched if row["bytes"] >= TRUNCATED_FROM_BYTES]
        small = [row["name"] for row in touched if row["bytes"] < TRUNCATED_FROM_BYTES]
        statements = [f'DELETE FROM "{name}"' for name in small]
        if large:
            statements.append("TRUNCATE " + ", ".join(f'"{name}"' for name in large) + " CASCADE")
        if statements:
            self._run(self.connection.execute("; ".join(statements)))

    def _touched(self) -> str:
        return " UNION ALL ".join(
            f"SELECT '{name}' AS name, pg_relation_size('{name}') AS bytes WHERE EXISTS (SELECT FROM \"{name}\")"
            for name in self.tables
        )

    def close(self) -> None:
        """Close the connection and the loop."""
        self._run(self.connection.close())
        self.loop.close()

    def _run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)
