"""The database: opened, checked, migrated. Beside the rules, the only place that touches it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from tortoise.connection import get_connection
from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget
from tortoise.migrations.graph import MigrationKey
from tortoise.migrations.loader import MigrationLoader
from tortoise.migrations.operations import TortoiseOperation
from tortoise.migrations.recorder import MigrationRecorder
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State

from loyalty import transactions
from loyalty.refusals import TryAgain
from loyalty.tables import APP, credentials, tortoise_config

VERSION_MIN = 15
DATABASE = "regulars"
MIGRATION_LOCK = 7_341_001
LOCK_WAIT_SECONDS = 120
RETRY_SECONDS = 1.0
ANSWER_SECONDS = 2.0

Progress = Callable[[str, int, int], None]
"""Told the name of the migration that begins, its place from 1, and how many there are to apply."""


class DatabaseUnusable(Exception):
    """The database cannot be used; the text says why and what to do."""


class NotDurable(DatabaseUnusable):
    """The database could lose what it acknowledged."""


@dataclass(frozen=True)
class Standing:
    """What a database server says about itself."""

    version: int
    lax_settings: tuple[str, ...]
    """Settings that would lose what was acknowledged if the machine stopped."""


async def connected(url: str, *, application_name: str = DATABASE) -> asyncpg.Connection:
    """Return a connection of its own: for session locks, LISTEN and what no pool should hold.

    Raises:
        DatabaseUnusable: nobody answers at `url`, or the sign-in is refused.
    """
    settings = {"application_name": application_name, "timezone": "UTC", "jit": "off"}
    try:
        return await asyncpg.connect(**credentials(url), timeout=10, server_settings=settings)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise DatabaseUnusable(f"The database at {without_password(url)} cannot be reached: {error}") from error


def without_password(url: str) -> str:
    """Return the URL as it may be shown."""
    parts = urlsplit(url)
    shown = parts.netloc.replace(f":{parts.password}@", ":***@") if parts.password else parts.netloc
    return urlunsplit(parts._replace(netloc=shown))


async def made(server_url: str, name: str = DATABASE) -> str:
    """Make the database `name` on the server unless it is there, and return its URL."""
    connection = await connected(server_url)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        pass
    finally:
        await connection.close()
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


async def standing(url: str) -> Standing:
    """Return the server's version and which of its settings do not keep what was acknowledged."""
    connection = await connected(url)
    try:
        version = connection.get_server_version().major
        found = await connection.fetch(
            "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')"
        )
    finally:
        await connection.close()
    lax = sorted(row["name"] for row in found if row["setting"] == "off")
    return Standing(version, tuple(lax))


async def require_usable(url: str) -> Standing:
    """Return the server's standing, or refuse to serve from it.

    Raises:
        DatabaseUnusable: it is too old.
        NotDurable: it could lose what it acknowledged.
    """
    found = await standing(url)
    if found.version < VERSION_MIN:
        raise DatabaseUnusable(
            f"The database is PostgreSQL {found.version}; Regulars needs {VERSION_MIN} or newer. Upgrade it,"
            " or leave REGULARS_DATABASE_URL unset to use the embedded one."
        )
    if found.lax_settings:
        raise NotDurable(
            f"The database has {', '.join(found.lax_settings)} switched off, so a balance that was promised could be"
            " lost with the machine. Switch it on in the server's configuration."
        )
    return found


@asynccontextmanager
async def opened(
    url: str, *, pool_max: int = 10, application_name: str = DATABASE, everywhere: bool = True
) -> AsyncIterator[None]:
    """Have the rules use the database at `url` while the context is open.

    `everywhere` lets every task of the process use it, not only those started inside: a server's requests.
    """
    config = tortoise_config(url, pool_max=pool_max, application_name=application_name)
    async with TortoiseContext() as context:
        await context.init(config=config, _enable_global_fallback=everywhere)
        yield


async def has_tables(url: str) -> bool:
    """Tell whether the database holds anything."""
    connection = await connected(url)
    try:
        return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public')"))
    finally:
        await connection.close()


async def emptied(url: str) -> None:
    """Leave the database without tables, functions and rows."""
    connection = await connected(url)
    try:
        await connection.execute("DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public")
    finally:
        await connection.close()


async def answers() -> bool:
    """Tell whether the opened database answers within two seconds."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return bool(await transactions.value("SELECT true"))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TryAgain):  # TimeoutError is an OSError
        return False


@asynccontextmanager
async def alone(url: str, name: str) -> AsyncIterator[asyncio.Event]:
    """Wait until no other process holds `name`, then hold it while the context is open.

    The event is set when it is lost with its connection: whatever was done alone must stop, and be harmless twice,
    because a process that was frozen learns of it late. A killed process lets go when the database notices.
    """
    connection = await _holding(url, name)
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    watch = asyncio.create_task(_watched(connection, lost))
    try:
        yield lost
    finally:
        watch.cancel()
        await asyncio.wait({watch})
        connection.terminate()  # the lock goes with its connection; a broken one may not answer a goodbye


async def _holding(url: str, name: str) -> asyncpg.Connection:
    while True:
        with suppress(DatabaseUnusable, TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await connected(url, application_name=f"{DATABASE} {name}")
            try:
                if await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name, timeout=2):
                    held, connection = connection, None
                    return held
            finally:
                if connection is not None:
                    connection.terminate()
        await asyncio.sleep(RETRY_SECONDS)


async def _watched(connection: asyncpg.Connection, lost: asyncio.Event) -> None:
    while not lost.is_set():
        await asyncio.sleep(RETRY_SECONDS)
        try:
            await connection.fetchval("SELECT 1", timeout=2)  # finds a connection that is only half there
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            lost.set()


async def migrate_locked(url: str, progress: Progress | None = None) -> list[str]:
    """Bring the database to the newest migration, one process at a time, and return what was applied.

    Harmless when there is nothing to do, and when it was interrupted before.

    Raises:
        DatabaseUnusable: another process holds the lock for longer than two minutes.
    """
    lock = await connected(url, application_name=f"{DATABASE} migrate")
    try:
        await lock.execute(f"SET lock_timeout = '{LOCK_WAIT_SECONDS}s'")
        await lock.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        return await _migrated(url, progress)
    except asyncpg.LockNotAvailableError as error:
        raise DatabaseUnusable(
            f"Another process has been migrating this database for more than {LOCK_WAIT_SECONDS} seconds."
        ) from error
    finally:
        await lock.close()


async def pending_migrations(url: str) -> list[str]:
    """Return the names of the migrations that the database has not had yet."""
    async with _migrations(url) as executor:
        return [step.migration.name for step in await executor.plan([_NEWEST])]


async def require_migrated(url: str) -> None:
    """Let a database pass that has had every migration.

    Raises:
        DatabaseUnusable: it lacks some.
    """
    if pending := await pending_migrations(url):
        raise DatabaseUnusable(
            f"The database lacks {len(pending)} migrations, the first is {pending[0]}. Run: python -m server migrate"
        )


_NEWEST = MigrationTarget(app_label=APP, name="__latest__")


async def _migrated(url: str, progress: Progress | None) -> list[str]:
    async with _migrations(url) as executor:
        names = [step.migration.name for step in await executor.plan([_NEWEST])]

        def told(event: str, app_label: str, name: str) -> None:
            if event == "apply_start" and progress is not None:
                progress(name, names.index(name) + 1, len(names))

        await executor.migrate([_NEWEST], direction="forward", progress=told)
        return names


@asynccontextmanager
async def _migrations(url: str) -> AsyncIterator[MigrationExecutor]:
    config = tortoise_config(url, pool_max=1, application_name=f"{DATABASE} migrate")
    # A migration may take its time with the rows, but not wait long for a table that requests use.
    config["connections"]["default"]["credentials"]["server_settings"]["statement_timeout"] = "0"
    async with TortoiseContext() as context:
        await context.init(config=config)
        executor = MigrationExecutor(get_connection("default"), config["apps"])
        executor.recorder = _RecordedOnce(get_connection("default"))
        executor.loader = _RecordingLoader(config["apps"], executor.recorder)
        yield executor


class _Recorded(TortoiseOperation):
    """The last operation of every migration: the record that it was applied, in its own transaction.

    Tortoise writes the record afterwards, so a process that dies in between would apply the migration again.
    """

    def __init__(self, key: MigrationKey) -> None:
        self.key = key

    async def database_forward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        if state_editor is not None:
            await _RecordedOnce(state_editor.client).record_applied(self.key.app_label, self.key.name)


class _RecordedOnce(MigrationRecorder):
    async def record_applied(self, app: str, name: str) -> None:
        await self.connection.execute_query(
            f"INSERT INTO {self.table_name} (app, name, applied_at) VALUES ($1, $2, clock_timestamp())"
            " ON CONFLICT (app, name) DO NOTHING",
            [app, name],
        )


class _RecordingLoader(MigrationLoader):
    def __init__(self, apps_config: dict[str, Any], recorder: MigrationRecorder) -> None:
        super().__init__(apps_config, recorder)

    def load_disk(self) -> None:
        super().load_disk()
        for key, migration in self.disk_migrations.items():
            migration.operations.append(_Recorded(key))
