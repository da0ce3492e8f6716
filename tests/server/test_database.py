"""The database is migrated once, however many ask; and served from only when it keeps what it acknowledges."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from loyalty import transactions
from server import database as databases
from server.database import DatabaseUnusable, NotDurable, alone, migrate_locked, opened, pending_migrations
from tests.support.database import connection, empty_database


@pytest.fixture
async def empty(database_server: str) -> AsyncIterator[str]:
    async with empty_database(database_server) as url:
        yield url


async def test_three_processes_that_migrate_at_once_apply_each_migration_once(empty: str) -> None:
    told: list[tuple[str, int, int]] = []

    applied = await asyncio.gather(*(migrate_locked(empty, lambda *step: told.append(step)) for _ in range(3)))

    names = max(applied, key=len)
    assert sorted(map(len, applied)) == [0, 0, len(names)]
    assert names[0].startswith("0001_")
    assert told == [(name, place, len(names)) for place, name in enumerate(names, start=1)]
    assert await pending_migrations(empty) == []


async def test_a_migration_whose_process_died_before_it_was_recorded_is_not_half_applied(empty: str) -> None:
    def dies(name: str, place: int, of: int) -> None:
        if place == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await migrate_locked(empty, dies)
    applied = await migrate_locked(empty)

    assert applied[0].startswith("0002_")
    assert await pending_migrations(empty) == []


async def test_an_owner_who_is_no_superuser_can_migrate_and_post(database_server: str) -> None:
    role = "regulars_test_owner"
    async with connection(database_server) as server:
        await server.execute(f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN")
    try:
        async with empty_database(database_server, "owned", owner=role) as url:
            parts = urlsplit(url)
            theirs = urlunsplit(parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}"))

            await migrate_locked(theirs)

            async with connection(theirs) as owner:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await owner.execute("DELETE FROM entry")
                assert await owner.fetch("SELECT * FROM ledger_post('[]', now(), 'test')") == []
    finally:
        async with connection(database_server) as server:
            await server.execute(f"DROP ROLE {role}")


async def test_a_database_that_may_forget_is_not_served_from(empty: str) -> None:
    async with connection(empty) as owner:
        name = await owner.fetchval("SELECT current_database()")
        await owner.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')

    with pytest.raises(NotDurable, match="synchronous_commit switched off"):
        await databases.require_usable(empty)


async def test_an_old_server_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    monkeypatch.setattr(databases, "VERSION_MIN", 99)

    with pytest.raises(DatabaseUnusable, match="Regulars needs 99 or newer"):
        await databases.require_usable(empty)


async def test_a_database_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(DatabaseUnusable, match="cannot be reached") as refused:
        await databases.connected("postgresql://me:hunter2@127.0.0.1:1/none")

    assert "me:***@127.0.0.1:1" in str(refused.value)
    assert "hunter2" not in str(refused.value)


async def test_the_database_of_an_installation_is_made_once(database_server: str) -> None:
    name = "regulars_test_made"
    try:
        urls = [await databases.made(database_server, name) for _ in range(2)]

        assert len(set(urls)) == 1
        assert not await databases.has_tables(urls[0])
    finally:
        async with connection(database_server) as server:
            await server.execute(f"DROP DATABASE {name}")


async def test_what_is_done_alone_waits_for_the_other(database_url: str) -> None:
    order: list[str] = []

    async def second() -> None:
        async with alone(database_url, "leader"):
            order.append("second begins")

    async with alone(database_url, "leader"):
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        order.append("first ends")
    await waiting

    assert order == ["first ends", "second begins"]


async def test_who_loses_the_connection_learns_that_they_are_not_alone(database_url: str) -> None:
    async with alone(database_url, "leader") as lost, connection(database_url) as other:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'regulars leader'"
        )

        await asyncio.wait_for(lost.wait(), timeout=5)


async def test_an_opened_database_answers_and_a_broken_one_says_so(database_url: str) -> None:
    async with opened(database_url, pool_max=1):
        assert await databases.answers()

        async with connection(database_url) as other:
            name = await other.fetchval("SELECT current_database()")
            async with connection(database_url) as server:
                await server.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = $1 AND application_name = 'regulars'",
                    name,
                )
        assert await databases.answers() in (True, False)
        assert await transactions.value("SELECT 1") == 1
