"""What is measured runs here: a durable PostgreSQL in a folder of its own, and servers as processes of their own."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.measuring import family_cpu_ms
from server.database import made, migrate_locked
from server.embedded import ROOT_DATA_DIR, embedded, prepared

CHECKOUT = Path(__file__).parents[1]
READY_WITHIN_SECONDS = 30.0
DATABASE = "benchmarks"


@dataclass(frozen=True)
class Scratch:
    """A migrated database that is thrown away."""

    folder: Path
    url: str
    secret: str

    @property
    def postmaster(self) -> int:
        """Return PostgreSQL's first process."""
        return int((self.folder / "postgresql" / "postmaster.pid").read_text().splitlines()[0])

    def database_cpu_ms(self) -> float:
        """Return the processor time that PostgreSQL has used so far."""
        return family_cpu_ms(self.postmaster)

    def pgbench(self, *arguments: str) -> str:
        """Run pgbench and return what it prints, its progress first."""
        program = prepared(self.folder).folder / "pgbench"
        host = parse_qs(urlsplit(self.url).query)["host"][0]
        command = [str(program), "--host", host, "--username", "postgres", "--no-vacuum", *arguments, DATABASE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 or "ERROR" in done.stderr:
            raise SystemExit(f"pgbench failed: {done.stderr[-2000:]}")
        return done.stderr + done.stdout


@contextmanager
def scratch(options: Mapping[str, str] | None = None) -> Iterator[Scratch]:
    """Have an empty database while the context is open. fsync is on, as in production."""
    parent = ROOT_DATA_DIR.parent if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="regulars-bench-", dir=parent) as name:
        folder = Path(name)
        folder.chmod(0o711)  # made here, so its permissions are ours to set
        with embedded(folder, options) as server_url:
            url = asyncio.run(made(server_url, DATABASE))
            asyncio.run(migrate_locked(url))
            yield Scratch(folder, url, secrets.token_urlsafe(48))
        shutil.rmtree(folder / "postgresql", ignore_errors=True)


@dataclass(frozen=True)
class Serving:
    """A server process that answers on a port of this machine."""

    process: int
    port: int


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def application(at: Scratch, *, pool_max: int, port: int | None = None) -> Iterator[Serving]:
    """Serve the application itself: one process, as `python -m server web` starts it."""
    port = port or free_port()
    given = {
        "REGULARS_DATABASE_URL": at.url,
        "REGULARS_SECRET": at.secret,
        "REGULARS_PORT": str(port),
        "REGULARS_POOL_MAX": str(pool_max),
        "REGULARS_DEMO": "0",
        "REGULARS_LOG_LEVEL": "warning",
    }
    with _served([sys.executable, "-m", "server", "web"], given, port) as serving:
        yield serving


@contextmanager
def bare(at: Scratch, name: str, *, pool_max: int, more: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """Serve one of the limits of `benchmarks.bare`."""
    port = free_port()
    given = {"BENCH_DATABASE_URL": at.url, "BENCH_POOL_MAX": str(pool_max), **(more or {})}
    command = [
        *(sys.executable, "-m", "uvicorn", f"benchmarks.bare:{name}", "--port", str(port), "--loop", "uvloop"),
        *("--http", "httptools", "--no-access-log", "--log-level", "warning", "--lifespan", "on"),
    ]
    with _served(command, given, port) as serving:
        yield serving


@contextmanager
def _served(command: Sequence[str], given: Mapping[str, str], port: int) -> Iterator[Serving]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")}
    process = subprocess.Popen(command, env={**kept, **given}, cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    try:
        _wait_until_answering(process, port)
        yield Serving(process.pid, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_answering(process: subprocess.Popen[bytes], port: int) -> None:
    give_up_at = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            raise SystemExit(f"The server ended with {process.returncode} before it was ready.")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"The server was not ready within {READY_WITHIN_SECONDS:.0f} seconds.")
