"""Signing in, staying signed in, and being signed out."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from loyalty import transactions
from loyalty.access import NotPermitted, Role
from loyalty.audit import trail
from loyalty.refusals import NotFound
from loyalty.staff.roles import disable_staff
from loyalty.staff.sessions import (
    Begun,
    SignInRefused,
    forget_past_sessions,
    sign_in,
    sign_out,
    sign_out_everywhere,
    signed_in,
)
from loyalty.throttles.attempts import Throttled
from tests.support.staff import ADDRESS, PASSWORD, a_person, all_but, an_actor, every_actor, signed_in_as

ADMIN = an_actor(Role.ADMIN)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.usefixtures("database")


@contextmanager
def counted_statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield the statements that are run meanwhile."""
    statements: list[str] = []

    def noting(run: Callable[..., object]) -> Callable[..., object]:
        def noted(self: object, sql: str, *values: object, **rest: object) -> object:
            statements.append(sql)
            return run(self, sql, *values, **rest)

        return noted

    with monkeypatch.context() as patched:
        for name in ("fetch", "fetchrow", "fetchval", "execute"):
            patched.setattr(asyncpg.Connection, name, noting(getattr(asyncpg.Connection, name)))
        yield statements


async def guessed(email: str, times: int, *, now: datetime, address: str = ADDRESS) -> int:
    """Return how many of so many wrong passwords were tried at all."""
    tried = 0
    for _ in range(times):
        try:
            await sign_in(email=email, password="wrong password", address=address, now=now)
        except SignInRefused:
            tried += 1
        except Throttled:
            pass
    return tried


class TestSigningIn:
    async def test_the_right_password_begins_a_session_with_the_persons_roles(self, now: datetime) -> None:
        person = await a_person(Role.SUPPORT, now=now)

        begun = await sign_in(email=f" {person.email.upper()}", password=PASSWORD, address=ADDRESS, now=now)

        session = await signed_in(begun.token, now=now)
        assert session == begun.session
        assert session is not None
        assert session.actor == person.actor
        assert session.actor.roles == {Role.SUPPORT}

    async def test_each_sign_in_has_a_token_of_its_own_of_256_bits(self, now: datetime) -> None:
        person = await a_person(now=now)

        tokens = {(await signed_in_as(person, now=now)).token for _ in range(3)}

        assert [len(token) for token in tokens] == [43, 43, 43]  # 256 bits in base 64 without padding
        assert not await transactions.value(
            "SELECT EXISTS (SELECT FROM staff_session s WHERE strpos(s::text, $1) > 0)", next(iter(tokens))
        )

    async def test_signing_in_again_ends_the_session_the_browser_had(self, now: datetime) -> None:
        person = await a_person(now=now)
        old = await signed_in_as(person, now=now)

        await sign_in(email=person.email, password=PASSWORD, address=ADDRESS, replaces=old.token, now=now)

        assert await signed_in(old.token, now=now) is None

    @pytest.mark.parametrize("email", ["nobody@example.com", "", "\x00", "\ud800", "a" * 5_000])
    async def test_unknown_people_and_wrong_passwords_are_refused_alike(self, now: datetime, email: str) -> None:
        person = await a_person(now=now)

        with pytest.raises(SignInRefused) as unknown:
            await sign_in(email=email, password=PASSWORD, address=ADDRESS, now=now)
        with pytest.raises(SignInRefused) as wrong:
            await sign_in(email=person.email, password="wrong password", address=ADDRESS, now=now)

        assert unknown.value == wrong.value
        assert await transactions.value("SELECT count(*) FROM staff_session") == 0

    async def test_unknown_people_cost_the_same_statements_as_wrong_passwords(
        self, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        person = await a_person(now=now)
        disabled = await a_person(now=now)
        await disable_staff(ADMIN, disabled.id, now=now)

        ran = []
        for email in (person.email, "nobody@example.com", disabled.email):
            with counted_statements(monkeypatch) as statements, pytest.raises(SignInRefused):
                await sign_in(email=email, password="wrong password", address=ADDRESS, now=now)
            ran.append(statements)

        assert ran[0] == ran[1] == ran[2]
        assert len(ran[0]) > 5

    async def test_signing_in_stands_in_the_trail(self, now: datetime) -> None:
        person = await a_person(now=now)

        await signed_in_as(person, now=now)

        newest = (await trail.page(ADMIN, first=1)).acts[0]
        assert (newest.action, newest.actor, newest.subject_id) == ("sign_in", f"staff:{person.id}", str(person.id))


class TestGuessing:
    async def test_ten_passwords_are_tried_in_fifteen_minutes(self, now: datetime) -> None:
        person = await a_person(now=now)

        assert await guessed(person.email, 12, now=now) == 10
        with pytest.raises(Throttled):
            await signed_in_as(person, now=now)
        assert await signed_in_as(person, now=now + 17 * MINUTE)

    async def test_unknown_addresses_are_counted_alike(self, now: datetime) -> None:
        assert await guessed("nobody@example.com", 12, now=now) == 10

    async def test_whoever_guesses_shuts_nobody_else_out(self, now: datetime) -> None:
        person = await a_person(now=now)

        await guessed(person.email, 12, now=now, address="198.51.100.1")

        assert await signed_in_as(person, now=now)

    async def test_the_right_password_clears_the_wrong_ones_before_it(self, now: datetime) -> None:
        person = await a_person(now=now)

        await guessed(person.email, 9, now=now)
        await signed_in_as(person, now=now)

        assert await guessed(person.email, 9, now=now) == 9

    async def test_many_may_sign_in_at_once(self, now: datetime) -> None:
        person = await a_person(now=now)

        begun = await asyncio.gather(*(signed_in_as(person, now=now) for _ in range(8)))

        assert len({session.token for session in begun}) == 8


class TestStayingSignedIn:
    async def test_a_session_ends_after_fifteen_idle_minutes(self, now: datetime) -> None:
        begun = await signed_in_as(await a_person(now=now), now=now)

        assert await signed_in(begun.token, now=now + 15 * MINUTE - SECOND) is not None
        assert await signed_in(begun.token, now=now + 30 * MINUTE - 2 * SECOND) is not None
        assert await signed_in(begun.token, now=now + 45 * MINUTE) is None

    async def test_the_idle_time_is_a_setting(self, now: datetime) -> None:
        begun = await signed_in_as(await a_person(now=now), now=now)

        assert await signed_in(begun.token, idle_after=5 * MINUTE, now=now + 5 * MINUTE) is None
        assert await signed_in(begun.token, idle_after=60 * MINUTE, now=now + 50 * MINUTE) is not None

    async def test_a_session_ends_after_eight_hours_whatever_is_done(self, now: datetime) -> None:
        begun = await signed_in_as(await a_person(now=now), now=now)

        for minutes in range(0, 480, 10):
            assert await signed_in(begun.token, now=now + minutes * MINUTE) is not None

        assert await signed_in(begun.token, now=now + timedelta(hours=8)) is None

    async def test_being_asked_is_one_statement_and_is_noted_at_most_once_a_minute(
        self, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun = await signed_in_as(await a_person(now=now), now=now)

        async def noted_at(moment: datetime) -> datetime:
            with counted_statements(monkeypatch) as statements:
                await signed_in(begun.token, now=moment)
            assert len(statements) == 1
            seen: datetime = await transactions.value("SELECT last_seen_at FROM staff_session")
            return seen

        assert await noted_at(now + 59 * SECOND) == now
        assert await noted_at(now + 60 * SECOND) == now + 60 * SECOND

    @pytest.mark.parametrize("token", ["", "x", "\x00", "\ud800", "a" * 10_000])
    async def test_a_token_that_never_was_is_nobody(self, now: datetime, token: str) -> None:
        assert await signed_in(token, now=now) is None


class TestSigningOut:
    async def test_a_session_that_was_signed_out_is_over_and_the_others_go_on(self, now: datetime) -> None:
        person = await a_person(now=now)
        here, elsewhere = await signed_in_as(person, now=now), await signed_in_as(person, now=now)

        await sign_out(here.token, now=now)
        await sign_out(here.token, now=now)

        assert await signed_in(here.token, now=now) is None
        assert await signed_in(elsewhere.token, now=now) is not None
        assert [act.action for act in (await trail.page(ADMIN, first=2)).acts] == ["sign_out", "sign_in"]

    async def test_people_end_all_their_sessions_themselves(self, now: datetime) -> None:
        person = await a_person(Role.ANALYST, now=now)
        sessions = [await signed_in_as(person, now=now) for _ in range(2)]

        await sign_out_everywhere(person.actor, person.id, now=now)

        assert [await signed_in(session.token, now=now) for session in sessions] == [None, None]

    @pytest.mark.parametrize("name", all_but("admin"))
    async def test_only_admins_end_the_sessions_of_others(self, now: datetime, name: str) -> None:
        begun: Begun = await signed_in_as(await a_person(now=now), now=now)

        with pytest.raises(NotPermitted):
            await sign_out_everywhere(every_actor()[name], begun.session.person.id, now=now)

        assert await signed_in(begun.token, now=now) is not None

    async def test_nobody_is_signed_out_by_an_unknown_id(self, now: datetime) -> None:
        with pytest.raises(NotFound):
            await sign_out_everywhere(ADMIN, UUID(int=9), now=now)

    async def test_upkeep_removes_sessions_a_month_after_their_end(self, now: datetime) -> None:
        person = await a_person(now=now)
        await signed_in_as(person, now=now)
        await signed_in_as(person, now=now + timedelta(days=31))

        assert await forget_past_sessions(now=now + timedelta(days=31)) == 1
