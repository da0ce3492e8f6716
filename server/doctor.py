"""What is configured, where it came from, and whether the database can be relied on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rich.console import Console

from server import database
from server.database import DatabaseUnusable
from server.settings import Settings, explained, unknown_variables
from server.starting import url_of


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and whether it is as it should be."""

    good: bool
    text: str


def show_settings(settings: Settings, out: Console) -> None:
    """Print every setting with its value, where it came from, and what it is for."""
    for setting in explained(settings):
        out.print(
            f"{setting.variable}={setting.value}  ({setting.source})", highlight=False, markup=False, soft_wrap=True
        )
        out.print(f"    {setting.description}", style="dim", highlight=False, markup=False)


async def findings(settings: Settings) -> list[Finding]:
    """Return what was found, the worst unsaid: each check stands alone."""
    misspelt = [Finding(False, f"{name} is not a setting of ours.") for name in unknown_variables()]
    url = url_of(settings)
    return [*misspelt, *await _checked(lambda: _server(url)), *await _checked(lambda: _migrations(url))]


async def _checked(check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        return await check()
    except DatabaseUnusable as unusable:
        return [Finding(False, str(unusable))]


async def _server(url: str) -> list[Finding]:
    found = await database.standing(url)
    new_enough = found.version >= database.VERSION_MIN
    lax = ", ".join(found.lax_settings)
    return [
        Finding(new_enough, f"PostgreSQL {found.version} answers at {database.without_password(url)}."),
        Finding(not lax, f"Switched off: {lax}." if lax else "What is acknowledged is on the disk."),
    ]


async def _migrations(url: str) -> list[Finding]:
    pending = await database.pending_migrations(url)
    missing = f"Migrations to apply: {', '.join(pending)}. Run: python -m server migrate"
    return [Finding(not pending, missing if pending else "Every migration is applied.")]


def show(found: list[Finding], out: Console) -> bool:
    """Print the findings and tell whether all is well."""
    for finding in found:
        out.print(
            ("[green]good[/green]  " if finding.good else "[red]bad[/red]   ") + finding.text,
            highlight=False,
            soft_wrap=True,
        )
    return all(finding.good for finding in found)
