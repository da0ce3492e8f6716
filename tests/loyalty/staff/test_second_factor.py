"""Codes of an authenticator app, each used once."""

import asyncio
import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pyotp
import pytest

from loyalty import transactions
from loyalty.access import Actor, NotPermitted, Permission, Role
from loyalty.staff.people import Person, RolesExceedYours
from loyalty.staff.second_factor import (
    CodeWrong,
    new_second_factor,
    reset_second_factor,
    set_second_factor,
    step_of,
    use_code,
)
from loyalty.staff.sessions import (
    CodeNeeded,
    SignInExpired,
    SignInRefused,
    add_second_factor,
    sign_in,
    sign_in_with_code,
    signed_in,
)
from loyalty.throttles.attempts import Throttled
from tests.support.staff import ADDRESS, PASSWORD, a_person, all_but, an_actor, every_actor, signed_in_as

STEP = timedelta(seconds=30)
MINUTES = timedelta(minutes=1)


def code_at(secret: str, at: datetime) -> str:
    """Return the code an app shows at this moment."""
    return pyotp.TOTP(secret).at(at)


async def with_second_factor(*, now: datetime) -> tuple[Person, str]:
    """Return somebody who uses codes, the secret of their app, and as if its first code had been used long ago."""
    person = await a_person(now=now)
    secret = new_second_factor(person, issuer="Regulars").secret
    before = now - timedelta(hours=1)
    return await set_second_factor(person.actor, secret=secret, code=code_at(secret, before), now=before), secret


async def ticket_of(person: Person, *, now: datetime) -> str:
    """Return the ticket the right password gives."""
    with pytest.raises(CodeNeeded) as needed:
        await sign_in(email=person.email, password=PASSWORD, address=ADDRESS, now=now)
    return needed.value.ticket


@pytest.mark.parametrize(
    ("seconds", "code"),
    # RFC 6238, appendix B, SHA-1: the last six of the eight digits there.
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()

    assert step_of(secret, code, after=None, now=datetime.fromtimestamp(seconds, UTC)) == seconds // 30


@pytest.mark.parametrize(("steps_off", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_phones_clock_may_be_one_step_off(now: datetime, steps_off: int, good: bool) -> None:
    secret = pyotp.random_base32()

    step = step_of(secret, code_at(secret, now + steps_off * STEP), after=None, now=now)

    assert (step is not None) == good


@pytest.mark.usefixtures("database")
class TestSigningIn:
    async def test_the_password_alone_is_not_enough(self, now: datetime) -> None:
        person, secret = await with_second_factor(now=now)

        ticket = await ticket_of(person, now=now)
        begun = await sign_in_with_code(ticket, code_at(secret, now), address=ADDRESS, now=now)

        assert begun.session.person == person

    async def test_password_and_code_may_come_together(self, now: datetime) -> None:
        person, secret = await with_second_factor(now=now)

        begun = await sign_in(
            email=person.email, password=PASSWORD, code=code_at(secret, now), address=ADDRESS, now=now
        )

        assert begun.session.person == person

    async def test_a_wrong_password_does_not_tell_that_codes_are_used(self, now: datetime) -> None:
        person, secret = await with_second_factor(now=now)

        with pytest.raises(SignInRefused):
            await sign_in(
                email=person.email, password="wrong password", code=code_at(secret, now), address=ADDRESS, now=now
            )

    async def test_a_code_is_used_once(self, now: datetime) -> None:
        person, secret = await with_second_factor(now=now)
        await use_code(person.id, code_at(secret, now), now=now)

        with pytest.raises(CodeWrong):
            await use_code(person.id, code_at(secret, now), now=now)
        with pytest.raises(CodeWrong):
            await use_code(person.id, code_at(secret, now - STEP), now=now)

        await use_code(person.id, code_at(secret, now + STEP), now=now + STEP)

    async def test_of_two_who_send_the_same_code_at_once_one_gets_in(self, now: datetime) -> None:
        person, secret = await with_second_factor(now=now)

        outcomes = await asyncio.gather(
            *(use_code(person.id, code_at(secret, now), now=now) for _ in range(4)), return_exceptions=True
        )

        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["CodeWrong"] * 3 + ["NoneType"]

    async def test_codes_cannot_be_guessed_for_long(self, now: datetime) -> None:
        person, secret = await with_second_factor(now=now)

        for _ in range(5):
            with pytest.raises(CodeWrong):
                await use_code(person.id, "000000", now=now)

        with pytest.raises(Throttled):
            await use_code(person.id, code_at(secret, now), now=now)

    @pytest.mark.parametrize("changed", [lambda good: good[:-9] + "AAAAAAAAA", lambda _: "", lambda _: "a.b.c"])
    async def test_a_ticket_that_was_changed_is_worth_nothing(
        self, now: datetime, changed: Callable[[str], str]
    ) -> None:
        person, secret = await with_second_factor(now=now)
        ticket = await ticket_of(person, now=now)

        with pytest.raises(SignInExpired):
            await sign_in_with_code(changed(ticket), code_at(secret, now), address=ADDRESS, now=now)

    async def test_a_ticket_with_another_date_or_person_is_worth_nothing(self, now: datetime) -> None:
        person, secret = await with_second_factor(now=now)
        other, _ = await with_second_factor(now=now)
        staff_id, until, signature = (await ticket_of(person, now=now)).split(".")

        for forged in (f"{staff_id}.{int(until) + 1}.{signature}", f"{other.id.hex}.{until}.{signature}"):
            with pytest.raises(SignInExpired):
                await sign_in_with_code(forged, code_at(secret, now), address=ADDRESS, now=now)

    async def test_a_ticket_is_good_for_five_minutes_and_one_sign_in(self, now: datetime) -> None:
        person, secret = await with_second_factor(now=now)
        ticket = await ticket_of(person, now=now)
        late = now + 5 * MINUTES

        with pytest.raises(SignInExpired):
            await sign_in_with_code(ticket, code_at(secret, late), address=ADDRESS, now=late)
        soon = late - timedelta(seconds=1)
        await sign_in_with_code(ticket, code_at(secret, soon), address=ADDRESS, now=soon)

        with pytest.raises(SignInExpired):
            await sign_in_with_code(ticket, code_at(secret, soon + STEP), address=ADDRESS, now=soon)


@pytest.mark.usefixtures("database")
class TestSettingUp:
    async def test_the_session_in_which_it_is_set_goes_on_with_a_new_token_and_the_others_end(
        self, now: datetime
    ) -> None:
        person = await a_person(now=now)
        here, elsewhere = await signed_in_as(person, now=now), await signed_in_as(person, now=now)
        secret = new_second_factor(person, issuer="Regulars").secret

        renewed = await add_second_factor(
            here.token, secret=secret, code=code_at(secret, now), idle_after=15 * MINUTES, now=now
        )

        assert renewed.token != here.token
        assert await signed_in(here.token, now=now) is None
        assert await signed_in(elsewhere.token, now=now) is None
        session = await signed_in(renewed.token, now=now)
        assert session is not None
        assert session.person.second_factor
        assert session.expires_at == here.session.expires_at

    async def test_an_ended_session_sets_nothing(self, now: datetime) -> None:
        person = await a_person(now=now)
        here = await signed_in_as(person, now=now)
        secret = new_second_factor(person, issuer="Regulars").secret
        late = now + 16 * MINUTES

        with pytest.raises(SignInRefused):
            await add_second_factor(
                here.token, secret=secret, code=code_at(secret, late), idle_after=15 * MINUTES, now=late
            )

        assert await signed_in_as(person, now=now)

    @pytest.mark.parametrize("secret", ["", "not base 32!", "MFRGG"])
    async def test_a_secret_that_cannot_be_one_of_ours_is_refused(self, now: datetime, secret: str) -> None:
        person = await a_person(now=now)

        with pytest.raises(CodeWrong):
            await set_second_factor(person.actor, secret=secret, code="000000", now=now)

        assert await signed_in_as(person, now=now)

    async def test_the_code_that_set_it_does_not_sign_in(self, now: datetime) -> None:
        person = await a_person(now=now)
        secret = new_second_factor(person, issuer="Regulars").secret
        await set_second_factor(person.actor, secret=secret, code=code_at(secret, now), now=now)

        with pytest.raises(CodeWrong):
            await use_code(person.id, code_at(secret, now), now=now)

    async def test_an_admin_helps_whoever_lost_the_phone(self, now: datetime) -> None:
        person, _ = await with_second_factor(now=now)

        reset = await reset_second_factor(an_actor(Role.ADMIN), person.id, now=now)

        assert not reset.second_factor
        assert await signed_in_as(person, now=now)

    async def test_whoever_may_do_less_does_not_reset_more(self, now: datetime) -> None:
        person, _ = await with_second_factor(now=now)

        program = Actor.key(UUID(int=5), frozenset({Permission.STAFF_MANAGE}))

        with pytest.raises(RolesExceedYours):
            await reset_second_factor(program, person.id, now=now)

        assert await transactions.value("SELECT totp_secret IS NOT NULL FROM staff_member WHERE id = $1", person.id)

    @pytest.mark.parametrize("name", all_but("admin"))
    async def test_only_admins_reset(self, now: datetime, name: str) -> None:
        person, _ = await with_second_factor(now=now)

        with pytest.raises(NotPermitted):
            await reset_second_factor(every_actor()[name], person.id, now=now)

        assert await transactions.value("SELECT totp_secret IS NOT NULL FROM staff_member WHERE id = $1", person.id)

    @pytest.mark.parametrize("name", ["public", "customer", "key without scopes"])
    async def test_only_people_who_work_here_have_one(self, now: datetime, name: str) -> None:
        secret = pyotp.random_base32()

        with pytest.raises(NotPermitted):
            await set_second_factor(every_actor()[name], secret=secret, code=code_at(secret, now), now=now)
