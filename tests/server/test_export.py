"""The committed schemas are what the code says, and no promise is broken silently."""

import re
import subprocess

import pytest
from graphql import build_schema, parse, validate

from server.export import FOLDER, broken_promises, outdated, printed

ROOT = FOLDER.parent
CHANGES = ROOT / "docs" / "api" / "CHANGELOG.md"
NAMES = ("storefront", "admin")
EARLIER = ("HEAD", "HEAD^", "origin/main")
"""What to compare with, as far as it is there: a shallow clone has less."""


def test_the_committed_schemas_are_what_the_code_says() -> None:
    assert outdated() == [], "run python -m server export-schema"


@pytest.mark.parametrize("name", NAMES)
def test_what_clients_rely_on_stays_or_its_end_is_written_down(name: str) -> None:
    now = printed()[FOLDER / f"{name}.graphql"]
    written_down = CHANGES.read_text(encoding="utf-8")

    for before in filter(None, (_at(earlier, f"schema/{name}.graphql") for earlier in EARLIER)):
        broken = [promise for promise in broken_promises(before, now) if promise not in written_down]

        assert broken == [], f"write them into {CHANGES.name}"


def test_a_field_that_is_gone_is_a_broken_promise() -> None:
    before = "type Query { balancePoints: Int! tier: String }"

    assert broken_promises(before, "type Query { balancePoints: Int! }") == ["Field Query.tier was removed."]
    assert broken_promises(before, "type Query { balancePoints: Int! tier: String name: String }") == []


@pytest.mark.parametrize("name", NAMES)
def test_everything_in_a_schema_says_what_it_is(name: str) -> None:
    lines = printed()[FOLDER / f"{name}.graphql"].splitlines()

    silent = [
        line
        for previous, line in zip(["", *lines], lines, strict=False)
        if line.startswith(("type ", "input ", "enum ", "interface ", "union ", "scalar ")) and '"""' not in previous
    ]
    assert silent == []


def test_the_readme_asks_what_can_be_asked() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [question] = re.findall(r'{"query": "(.+?)"}', readme)

    assert validate(build_schema(printed()[FOLDER / "storefront.graphql"]), parse(question)) == []


def _at(reference: str, path: str) -> str | None:
    told = subprocess.run(
        ["git", "show", f"{reference}:{path}"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout if told.returncode == 0 else None
