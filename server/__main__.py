"""The commands: `python -m server --help`. Each asks the rules one thing and prints what they answer."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from loyalty.access import Actor, Role
from loyalty.clock import SystemClock
from loyalty.refusals import Refusal
from server import database, logs
from server.backup import BackupFailed
from server.database import DatabaseUnusable
from server.demo.households import DemoDataMissing
from server.embedded import EmbeddedUnusable
from server.listening import CannotListen
from server.settings import Settings, SettingsInvalid, read
from server.starting import database_of, migrated, url_of

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False, help=__doc__)
clock = SystemClock()
out = Console()
notes = Console(stderr=True)
COMMAND_LINE = Actor.system("command-line")

Quiet = Annotated[bool, typer.Option("--quiet", help="Print the result alone, for programs.")]


class CommandFailed(Exception):
    """The command did what it could and the answer is no; the text says why."""


def _with_database(work: Callable[[Settings], Awaitable[T]], *, quiet: bool = False) -> T:
    """Run `work` with a database that runs, nothing opened."""
    settings = _settings()

    async def opened() -> T:
        async with database_of(settings, Console(stderr=True, quiet=True) if quiet else notes) as ready:
            return await work(ready)

    return asyncio.run(opened())


def _with_rules(work: Callable[[Settings], Awaitable[T]], *, quiet: bool = False) -> T:
    """Run `work` with the rules using a migrated database."""

    async def opened(ready: Settings) -> T:
        await migrated(ready, Console(stderr=True, quiet=True) if quiet else notes)
        async with database.opened(url_of(ready), application_name="command line"):
            return await work(ready)

    return _with_database(opened, quiet=quiet)


def _settings() -> Settings:
    settings = read()
    logs.configure(settings.log_format, settings.log_level)
    return settings


@app.command("all")
def everything() -> None:
    """Run web, scheduler and one worker in one process, with the demo on the first start."""
    from server import running

    running.run(running.everything(_settings(), clock, out))


@app.command()
def web() -> None:
    """Serve the web application alone; the database must be migrated."""
    from server import running

    running.run(running.web(_settings(), clock, out))


@app.command()
def worker() -> None:
    """Do the long work in the background."""
    from server import running

    running.run(running.worker(_settings(), clock, out))


@app.command()
def scheduler() -> None:
    """Tick the jobs while no other scheduler leads."""
    from server import running

    running.run(running.scheduler(_settings(), clock, out))


@app.command()
def migrate() -> None:
    """Bring the database to the newest migration, and open the first shop where the demo does not."""
    from server.starting import FIRST_ADMIN, first_start

    made = _with_rules(lambda ready: first_start(ready, clock))
    notes.print("The database is up to date.")
    if made.admin_password is not None:
        out.print(f"Console sign-in: {FIRST_ADMIN} {made.admin_password} (shown this once)", highlight=False)


@app.command()
def demo(
    everyone: Annotated[bool, typer.Option("--all", help="Load all 2,469 households.")] = False,
    households: Annotated[int, typer.Option(min=1, max=2469, help="How many households to load.")] = 300,
) -> None:
    """Load the demo shop's customers and their year of orders, and print the totals."""
    from server.demonstration import load_households

    _with_rules(lambda _: load_households(None if everyone else households, clock, out))


@app.command()
def create_staff(
    email: Annotated[str, typer.Option(help="Their e-mail address, with which they sign in.")],
    role: Annotated[list[Role], typer.Option(help="What they are here for; may be given more than once.")],
    name: Annotated[str, typer.Option(help="Their name; the e-mail address if not given.")] = "",
    language: Annotated[str, typer.Option(help="en, nb, sv, pl or et.")] = "en",
    quiet: Quiet = False,
) -> None:
    """Add somebody who works here, with a random password that is shown once."""
    from loyalty.staff.people import create_staff as create

    person, password = _with_rules(
        lambda _: create(COMMAND_LINE, email=email, name=name or email, roles=role, language=language, now=clock.now()),
        quiet=quiet,
    )
    print(password if quiet else f"{person.email} signs in with {password} (shown this once)")


@app.command()
def create_api_key(
    scopes: Annotated[str, typer.Option(help="What the key may do: all, or scopes separated by commas.")],
    name: Annotated[str, typer.Option(help="What the key is for.")] = "command line",
    shop: Annotated[str, typer.Option(help="Code of the shop the key speaks for; every shop if not given.")] = "",
    quiet: Quiet = False,
) -> None:
    """Make a secret API key for a program; it is shown once."""
    from loyalty.shops.catalogue import shop_by_code
    from loyalty.staff.keys import create_api_key as create

    asked = [scope.strip() for scope in scopes.split(",")]

    async def made(ready: Settings) -> str:
        shop_id = (await shop_by_code(shop)).id if shop else None
        _, secret = await create(COMMAND_LINE, name=name, scopes=asked, shop_id=shop_id, now=clock.now())
        return secret

    secret = _with_rules(made, quiet=quiet)
    print(secret if quiet else f"{secret}\nSend it as `Authorization: Bearer …`. It is not to be had again.")


@app.command()
def customer_token(
    email: Annotated[str, typer.Option(help="The customer's e-mail address.")], quiet: Quiet = False
) -> None:
    """Make a token with which the storefront API answers for a customer."""
    from loyalty.customers.sign_in import customer_token as issue

    issued = _with_rules(lambda ready: issue(email, secret=ready.secret_value(), now=clock.now()), quiet=quiet)
    print(
        issued.token
        if quiet
        else f"{issued.token}\nSend it as `Authorization: Bearer …`; good until {issued.expires_at:%F %R} UTC."
    )


@app.command()
def shop_keys(
    shop: Annotated[str, typer.Option(help="Code of the shop; may be left out where there is one.")] = "",
    quiet: Quiet = False,
) -> None:
    """Show the key a shop's front end sends, and the secret its server signs customers' tokens with."""
    from loyalty.earning.purchases import shop_meant
    from loyalty.shops.catalogue import ShopFacts, shop_secrets

    async def shown(_: Settings) -> tuple[ShopFacts, str]:
        meant = await shop_meant(shop or None, COMMAND_LINE)
        return meant, (await shop_secrets(meant.id)).token_secret

    meant, secret = _with_rules(shown, quiet=quiet)
    if quiet:
        print(secret)
        return
    print(f"Shop             {meant.code} ({meant.name})")
    print(f"Publishable key  {meant.publishable_key}  (front ends send it as X-Shop-Key)")
    print(f"Token secret     {secret}  (HS256; iss: {meant.code}, sub: your own customer id, exp: at most a day ahead)")


@app.command()
def verify_ledger(quiet: Quiet = False) -> None:
    """Replay the ledger from zero and name the first difference; the exit code is 1 if there is one."""
    from loyalty.ledger.verification import verify

    report = _with_rules(lambda _: verify(clock.now()), quiet=quiet)
    if not report.agrees:
        raise CommandFailed(f"The ledger differs: {report.first_difference}")
    if not quiet:
        print(f"{report.wallets} wallets agree with their {report.entries} entries.")


@app.command()
def export_schema(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when the files are not up to date.")
    ] = False,
) -> None:
    """Write the two GraphQL schemas to schema/*.graphql."""
    from server.export import outdated, write

    if not check:
        write()
    elif stale := outdated():
        raise CommandFailed(f"Not up to date: {', '.join(stale)}. Run: python -m server export-schema")


@app.command()
def backup(target: Annotated[Path, typer.Argument(help="The file to write.")]) -> None:
    """Write the whole database to one file."""
    from server.backup import back_up

    async def written(ready: Settings) -> None:
        await asyncio.to_thread(back_up, url_of(ready), target)

    _with_database(written)
    notes.print(f"The backup is in {target}. Keep the secret of the data folder with it.", soft_wrap=True)


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="The file that `backup` wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Lose what the database holds now.")] = False,
) -> None:
    """Fill an empty database from a backup, and bring it to the newest migration."""
    from server.backup import restore as put_back

    async def restored(ready: Settings) -> None:
        await put_back(url_of(ready), source, force=force)
        await migrated(ready, notes)

    _with_database(restored)
    notes.print("Restored. `python -m server verify-ledger` proves it.")


@app.command()
def doctor() -> None:
    """List every setting with its source, and look whether the database can be relied on."""
    from server.doctor import findings, show, show_settings

    settings = _settings()
    show_settings(settings, out)
    if not show(_with_database(findings), out):
        raise CommandFailed("Something is not as it should be.")


def main() -> None:
    """Run a command; what a person can mend is told in a sentence."""
    try:
        app()
    except SettingsInvalid as invalid:
        _told(str(invalid), exit_code=2)
    except Refusal as refusal:
        from loyalty.words.wording import refusal_worded

        _told(refusal_worded(refusal, "en"), exit_code=1)
    except (BackupFailed, CannotListen, CommandFailed, DatabaseUnusable, DemoDataMissing, EmbeddedUnusable) as problem:
        _told(str(problem), exit_code=1)


def _told(sentence: str, *, exit_code: int) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
