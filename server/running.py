"""The processes: everything in one, or web, worker and scheduler apart."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
import uvloop
from rich.console import Console
from starlette.applications import Starlette

from jobs.clock import lead
from jobs.schedule import JOBS
from jobs.workers import Background, work
from loyalty.clock import Clock
from server import database, demonstration
from server.app import create_app
from server.listening import listening
from server.settings import Settings
from server.starting import FIRST_ADMIN, database_of, first_start, migrated, url_of

SHUTDOWN_SECONDS = 2
MESSAGE_BYTES_MAX = 65_536
CLOCK_LOCK = "scheduler"
DEMO_LOCK = "demo"


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a process to its end. SIGTERM and Ctrl-C end it in order, at any moment."""
    signal.signal(signal.SIGTERM, _ends)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(main)


def _ends(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


async def everything(settings: Settings, clock: Clock, out: Console) -> None:
    """Start the database, bring it up to date, load the demo's first part, then serve, tick and work."""
    with listening(settings.host, settings.port) as listener:
        async with database_of(settings, out) as ready:
            await migrated(ready, out)
            async with database.opened(url_of(ready), everywhere=False):
                made = await first_start(ready, clock)
                if made.admin_password is not None:
                    # At once: whoever stops the demo's load would never see it.
                    out.print(f"Console sign-in: {FIRST_ADMIN} [bold]{made.admin_password}[/bold]", highlight=False)
                if made.fresh and ready.demo:
                    await demonstration.load_first_part(ready, clock, out)
            app = create_app(ready, clock, beside=(partial(_lead, ready, clock), partial(_work, ready, clock)))
            await _served(app, ready, listener, lambda: _welcome(ready, made.admin_password, out))


async def web(settings: Settings, clock: Clock, out: Console) -> None:
    """Serve the web application; jobs and background work are other processes'."""
    with listening(settings.host, settings.port) as listener:
        async with database_of(settings, out) as ready:
            await database.require_migrated(url_of(ready))
            await _served(create_app(ready, clock), ready, listener, lambda: out.print(f"Ready on {ready.base_url}"))


async def scheduler(settings: Settings, clock: Clock, out: Console) -> None:
    """Tick while this process leads."""
    async with database_of(settings, out) as ready:
        await database.require_migrated(url_of(ready))
        async with database.opened(url_of(ready), application_name="scheduler"):
            await _lead(ready, clock)


async def worker(settings: Settings, clock: Clock, out: Console) -> None:
    """Do the long work, and wait for more."""
    async with database_of(settings, out) as ready:
        await database.require_migrated(url_of(ready))
        async with database.opened(url_of(ready), application_name="worker"):
            await _work(ready, clock)
            await asyncio.Event().wait()


async def _lead(settings: Settings, clock: Clock) -> None:
    await lead(lambda: database.alone(url_of(settings), CLOCK_LOCK), clock, JOBS)


async def _work(settings: Settings, clock: Clock) -> None:
    demo = Background(
        DEMO_LOCK,
        run=lambda: demonstration.load_the_rest(settings, clock),
        alone=lambda: database.alone(url_of(settings), DEMO_LOCK),
    )
    await work([demo])


class _Server(uvicorn.Server):
    """A server that says when it is ready, and leaves the end of the process to us."""

    def __init__(self, config: uvicorn.Config, told: Callable[[], None]) -> None:
        super().__init__(config)
        self.told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What start-up made lives as long as the process: a collection that walks it all would hold up a request.
            gc.collect()
            gc.freeze()
            self.told()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


async def _served(app: Starlette, settings: Settings, listener: socket.socket, told: Callable[[], None]) -> None:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws_max_size=MESSAGE_BYTES_MAX,
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,  # an open stream would hold the server for ever
    )
    await _Server(config, told).serve(sockets=[listener])


def _welcome(settings: Settings, admin_password: str | None, out: Console) -> None:
    python = ".venv/bin/python -m server"
    lines = [
        f"[bold green]Ready on {settings.base_url}[/bold green]",
        f"  Console          {settings.base_url}/console",
        f"  Storefront API   {settings.base_url}/graphql",
        f"  Admin API        {settings.base_url}/graphql/admin",
    ]
    if admin_password is not None:
        lines.append(f"  Console sign-in  {FIRST_ADMIN}  [bold]{admin_password}[/bold]  (shown this once)")
    else:
        lines.append(f"  Another sign-in  {python} create-staff --email you@example.com --role admin")
    lines += [
        f"  Customer token   {python} customer-token --email {demonstration.some_email(settings)}",
        f"  API key          {python} create-api-key --scopes all",
        "Ctrl-C stops it.",
    ]
    out.print("\n".join(lines), highlight=False, soft_wrap=True)
