"""The commands: what they print, for people and for programs, and how they end."""

import asyncio
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import httpx
import pytest

from loyalty import transactions
from loyalty.access import ActorKind, Permission, Role
from loyalty.clock import SystemClock
from loyalty.customers.sign_in import customer_actor
from loyalty.shops.catalogue import all_shops, forget_shops
from loyalty.staff.keys import key_actor
from loyalty.staff.models import StaffMember
from server.__main__ import app, main
from server.database import has_tables, opened
from server.settings import read
from tests.support.customers import a_customer
from tests.support.database import CHECKOUT, empty_database

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _logging_left_alone() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> str:
    """Set what an installation sets: its database and its folder, without the demo."""
    for name in list(os.environ):
        if name.startswith("REGULARS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REGULARS_DATABASE_URL", database_url)
    monkeypatch.setenv("REGULARS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("REGULARS_DEMO", "0")
    forget_shops()
    return database_url


@pytest.fixture
def empty(database_server: str) -> Iterator[str]:
    """Return the URL of a database without anything in it."""
    with asyncio.Runner() as runner:
        made = empty_database(database_server, "restored")
        yield runner.run(made.__aenter__())
        runner.run(made.__aexit__(None, None, None))


def a_free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def command(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command as the shell would, and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["server", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def asked(url: str, question: Callable[[], Awaitable[T]]) -> T:
    """Ask the rules something, outside of any command."""

    async def opened_and_asked() -> T:
        async with opened(url):
            return await question()

    return asyncio.run(opened_and_asked())


def test_a_program_gets_the_key_alone_and_the_key_may_do_all_a_key_can(
    installation: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = command("create-api-key", "--scopes", "all", "--quiet", monkeypatch=monkeypatch)

    printed = capsys.readouterr()
    assert code == 0
    assert re.fullmatch(r"reg_sk_\S+\n", printed.out)
    assert printed.err == ""
    actor = asked(installation, lambda: key_actor(printed.out.strip(), now=SystemClock().now()))
    assert (actor.kind, actor.permissions) == (ActorKind.KEY, frozenset(Permission) - {Permission.LEDGER_POST})


def test_an_unknown_scope_is_told_in_a_sentence(
    installation: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = command("create-api-key", "--scopes", "orders:recrod", monkeypatch=monkeypatch)

    printed = capsys.readouterr()
    assert (code, printed.out) == (1, "")
    assert "orders:recrod" in printed.err
    assert "Traceback" not in printed.err


def test_a_program_gets_a_customer_s_token_alone(
    installation: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    customer = asked(installation, lambda: a_customer(email="mari@example.com", verified=True))

    code = command("customer-token", "--email", "Mari@example.com", "--quiet", monkeypatch=monkeypatch)

    token = capsys.readouterr().out
    assert code == 0
    assert len(token.splitlines()) == 1
    secret = read().secret_value()
    actor = asked(installation, lambda: customer_actor(token.strip(), secret=secret, now=SystemClock().now()))
    assert actor.customer_id == customer.id


def test_nobody_by_that_address_is_told_in_a_sentence(
    installation: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(installation, a_customer)

    code = command("customer-token", "--email", "nobody@example.com", "--quiet", monkeypatch=monkeypatch)

    printed = capsys.readouterr()
    assert (code, printed.out) == (1, "")
    assert len(printed.err.splitlines()) == 1


def test_staff_get_a_password_that_is_shown_once(
    installation: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = command(
        "create-staff", "--email", "kadri@example.com", "--role", "support", "--quiet", monkeypatch=monkeypatch
    )

    password = capsys.readouterr().out.strip()
    assert code == 0
    [member] = asked(installation, lambda: StaffMember.all())
    assert (member.email, member.roles) == ("kadri@example.com", [Role.SUPPORT])
    assert password not in str(member.password_hash)


def test_migrating_a_fresh_installation_opens_one_shop_and_shows_the_sign_in_once(
    installation: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("migrate", monkeypatch=monkeypatch) == 0
    first = capsys.readouterr().out
    assert command("migrate", monkeypatch=monkeypatch) == 0
    second = capsys.readouterr().out

    assert re.fullmatch(r"Console sign-in: admin@example\.com \S+ \(shown this once\)\n", first)
    assert second == ""
    [shop] = asked(installation, all_shops)
    assert (shop.code, shop.currency, shop.time_zone, shop.language, shop.country, shop.enrols_automatically) == (
        "default",
        "EUR",
        "Europe/Tallinn",
        "en",
        "EE",
        True,
    )


@pytest.mark.parametrize("part", ["web", "worker", "scheduler"])
def test_no_part_starts_on_a_database_that_lacks_migrations(
    installation: str, empty: str, part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REGULARS_DATABASE_URL", empty)
    monkeypatch.setenv("REGULARS_PORT", str(a_free_port()))

    code = command(part, monkeypatch=monkeypatch)

    assert code == 1
    assert re.search(
        r"lacks \d+ migrations, the first is 0001_\w+\. Run: python -m server migrate", capsys.readouterr().err
    )


def test_an_empty_ledger_agrees_with_its_entries(
    installation: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("verify-ledger", monkeypatch=monkeypatch) == 0

    assert capsys.readouterr().out == "0 wallets agree with their 0 entries.\n"


def test_a_wrong_setting_ends_the_command_with_its_name(
    installation: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REGULARS_PORT", "web")

    code = command("doctor", monkeypatch=monkeypatch)

    assert code == 2
    assert capsys.readouterr().err.startswith("REGULARS_PORT should be a valid integer")


def test_the_doctor_lists_every_setting_and_what_is_wrong(
    installation: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("REGULARS_SECRET", "s" * 40)
    monkeypatch.setenv("REGULARS_PROT", "8001")

    code = command("doctor", monkeypatch=monkeypatch)

    printed = capsys.readouterr()
    assert code == 1
    assert "REGULARS_STAFF_IDLE_MINUTES" in printed.out
    assert "s" * 40 not in printed.out
    assert "good  Every migration is applied." in printed.out
    assert "bad   REGULARS_PROT is not a setting of ours." in printed.out


def test_a_backup_that_is_restored_is_the_same_database(
    installation: str, empty: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    customer = asked(installation, lambda: a_customer(first_name="Leida", balance_points=250))
    target = str(tmp_path / "monday.backup")

    assert command("backup", target, monkeypatch=monkeypatch) == 0
    assert command("backup", target, monkeypatch=monkeypatch) == 1, "a backup replaces no other"
    monkeypatch.setenv("REGULARS_DATABASE_URL", empty)
    assert command("restore", target, monkeypatch=monkeypatch) == 0
    assert command("restore", target, monkeypatch=monkeypatch) == 1, "what is there is not overwritten unasked"
    assert command("restore", target, "--force", monkeypatch=monkeypatch) == 0

    assert command("verify-ledger", monkeypatch=monkeypatch) == 0
    name, points = asked(empty, lambda: _name_and_points(customer.id))
    assert (name, points) == ("Leida", 250)


def test_what_is_no_backup_leaves_the_database_as_it_was(
    installation: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"\xff\xd8\xff")

    assert command("restore", str(tmp_path / "holiday.jpg"), "--force", monkeypatch=monkeypatch) == 1

    assert asyncio.run(has_tables(installation))


def test_every_command_says_what_it_does() -> None:
    commands = {
        info.name or info.callback.__name__.replace("_", "-"): info.callback.__doc__
        for info in app.registered_commands
        if info.callback
    }

    assert set(commands) == {
        *("all", "web", "worker", "scheduler", "migrate", "demo", "create-staff", "create-api-key", "customer-token"),
        *("shop-keys", "verify-ledger", "export-schema", "backup", "restore", "doctor"),
    }
    assert all(commands.values())


def test_everything_starts_in_one_process_and_ends_in_order(installation: str) -> None:
    port = a_free_port()
    environment = {**os.environ, "REGULARS_PORT": str(port), "COLUMNS": "200"}
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "all"],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                _wait_until_ready(client, process)
                answers = {path: client.get(path) for path in ("/", "/healthz", "/readyz", "/console")}
                foreign = client.get("/healthz", headers={"host": "evil.example"})
            process.send_signal(signal.SIGTERM)
            printed, _ = process.communicate(timeout=20)
        finally:
            process.kill()

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert all(answer.headers["x-content-type-options"] == "nosniff" for answer in answers.values())
    assert all("frame-ancestors 'none'" in answer.headers["content-security-policy"] for answer in answers.values())
    assert foreign.status_code == 400
    assert process.returncode == 0
    assert f"Ready on http://127.0.0.1:{port}" in printed
    assert re.search(r"Console sign-in  admin@example\.com  \S+  \(shown this once\)", printed)


def test_a_taken_port_is_told_before_anything_is_done(
    installation: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("REGULARS_PORT", str(taken.getsockname()[1]))

        code = command("all", monkeypatch=monkeypatch)

    printed = capsys.readouterr()
    assert (code, printed.out) == (1, "")
    assert "Address already in use. Choose another, for example PORT=" in printed.err


def _wait_until_ready(client: httpx.Client, process: subprocess.Popen[str]) -> None:
    for _ in range(600):
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("it did not become ready")


async def _name_and_points(customer_id: UUID) -> tuple[str, int]:
    found = await transactions.row(
        "SELECT first_name, available_points FROM customer c JOIN wallet w ON w.customer_id = c.id WHERE c.id = $1",
        customer_id,
    )
    assert found is not None
    return found["first_name"], found["available_points"]
