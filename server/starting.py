"""From nothing to a database that can be served: the server, the migrations, the first shop and the first admin."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from loyalty.clock import Clock
from loyalty.programme.first import publish_first
from loyalty.shops.catalogue import FIRST_SHOP, all_shops, open_first_shop
from loyalty.staff.people import create_first_admin
from server import database
from server.embedded import embedded
from server.settings import Settings

FIRST_ADMIN = "admin@example.com"


@asynccontextmanager
async def database_of(settings: Settings, out: Console) -> AsyncIterator[Settings]:
    """Yield the settings with the URL of a database that runs and may be relied on: yours, or the embedded one.

    Raises:
        EmbeddedUnusable: the embedded server cannot run here.
        DatabaseUnusable: the database does not answer, is too old, or could lose what it acknowledged.
    """
    with ExitStack() as stack:
        if settings.database_url is None:
            server_url = stack.enter_context(embedded(settings.data_dir))
            url = await database.made(server_url)
        else:
            url = settings.database_url.get_secret_value()
        await _require_durable(url, settings, out)
        yield settings.model_copy(update={"database_url": SecretStr(url)})


async def _require_durable(url: str, settings: Settings, out: Console) -> None:
    try:
        found = await database.require_usable(url)
    except database.NotDurable as lax:
        if not settings.development:
            raise
        out.print(f"[yellow]{lax} Served all the same: this is development.[/yellow]")
        return
    if settings.database_url is None:
        out.print(f"PostgreSQL {found.version} runs for us; its data are in {settings.data_dir}.", soft_wrap=True)


def url_of(settings: Settings) -> str:
    """Return the URL that `database_of` found."""
    assert settings.database_url is not None, "the database is opened first"
    return settings.database_url.get_secret_value()


async def migrated(settings: Settings, out: Console) -> None:
    """Bring the database to the newest migration, with a bar where there is something to do."""
    progress = bar(out)
    task = progress.add_task("Migrations")

    def told(name: str, place: int, of: int) -> None:
        progress.start()
        progress.update(task, description=f"Migration {name}", completed=place - 1, total=of)

    try:
        applied = await database.migrate_locked(url_of(settings), told)
        progress.update(task, description="Migrations", completed=len(applied), total=len(applied) or 1)
    finally:
        if progress.live.is_started:
            progress.stop()


def bar(out: Console) -> Progress:
    """Return a progress bar that leaves one line behind."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=out
    )


@dataclass(frozen=True)
class FirstStart:
    """What the first start made: the admin's password is shown once."""

    fresh: bool
    """Whether there was no shop before."""
    admin_password: str | None


async def first_start(settings: Settings, clock: Clock) -> FirstStart:
    """Open the first shop with its programme, unless the demo brings its own, and make the first admin."""
    now = clock.now()
    shops = {shop.code for shop in await all_shops()}
    if not settings.demo and shops <= {FIRST_SHOP}:  # also when an earlier start ended between the two
        shop = await open_first_shop(now=now)
        await publish_first(shop.programme, currency=shop.currency, now=now)
    made = await create_first_admin(email=FIRST_ADMIN, name="First admin", language="en", now=now)
    return FirstStart(fresh=not shops, admin_password=made[1] if made else None)
