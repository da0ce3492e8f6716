"""Somebody new sets a password with a link that works once."""

import asyncio
from datetime import datetime, timedelta

import pytest

from loyalty import transactions
from loyalty.access import NotPermitted, Role
from loyalty.refusals import Invalid
from loyalty.staff import people
from loyalty.staff.invitations import InvitationInvalid, Invited, accept_invitation, invitation, invite_staff
from loyalty.staff.passwords import PasswordTooShort
from loyalty.staff.people import EmailTaken
from loyalty.staff.roles import disable_staff
from loyalty.staff.sessions import SignInRefused, sign_in
from tests.support.staff import ADDRESS, PASSWORD, a_person, all_but, an_actor, every_actor, signed_in_as

ADMIN = an_actor(Role.ADMIN)

pytestmark = pytest.mark.usefixtures("database")


async def invited(*, now: datetime, email: str = "mari@example.com", name: str = "Mari") -> Invited:
    """Return Mari's invitation to support."""
    return await invite_staff(ADMIN, email=email, name=name, roles=[Role.SUPPORT], language="et", now=now)


async def test_whoever_accepts_signs_in_with_the_password_they_chose(now: datetime) -> None:
    link = await invited(now=now)

    person = await accept_invitation(link.token, PASSWORD, now=now)

    assert (person.id, person.roles, person.language) == (link.person.id, (Role.SUPPORT,), "et")
    assert (await signed_in_as(person, now=now)).session.person == person


async def test_nobody_signs_in_before_accepting(now: datetime) -> None:
    await invited(now=now)

    with pytest.raises(SignInRefused):
        await sign_in(email="mari@example.com", password="", address=ADDRESS, now=now)


async def test_looking_at_an_invitation_does_not_use_it(now: datetime) -> None:
    link = await invited(now=now)

    assert [await invitation(link.token, now=now) for _ in range(3)] == [link.person] * 3


async def test_an_invitation_works_once(now: datetime) -> None:
    link = await invited(now=now)

    outcomes = await asyncio.gather(
        *(accept_invitation(link.token, f"{PASSWORD} {number}", now=now) for number in range(3)), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "InvitationInvalid",
        "InvitationInvalid",
        "Person",
    ]


async def test_an_invitation_works_for_a_week(now: datetime) -> None:
    link = await invited(now=now)
    week = timedelta(days=7)

    with pytest.raises(InvitationInvalid):
        await accept_invitation(link.token, PASSWORD, now=now + week)

    assert await accept_invitation(link.token, PASSWORD, now=now + week - timedelta(seconds=1))


@pytest.mark.parametrize("token", ["", "x", "\x00", "\ud800", "a" * 10_000])
async def test_a_token_that_never_was_is_refused(now: datetime, token: str) -> None:
    with pytest.raises(InvitationInvalid):
        await accept_invitation(token, PASSWORD, now=now)


async def test_a_password_that_is_too_short_leaves_the_invitation_standing(now: datetime) -> None:
    link = await invited(now=now)

    with pytest.raises(PasswordTooShort):
        await accept_invitation(link.token, "short", now=now)

    assert await accept_invitation(link.token, PASSWORD, now=now)


async def test_who_is_invited_again_uses_the_newer_link(now: datetime) -> None:
    older = await invited(now=now)
    newer = await invite_staff(ADMIN, email="MARI@example.com", name="M", roles=[Role.ANALYST], language="en", now=now)

    with pytest.raises(InvitationInvalid):
        await accept_invitation(older.token, PASSWORD, now=now)
    person = await accept_invitation(newer.token, PASSWORD, now=now)

    assert (person.id, person.name, person.roles) == (older.person.id, "M", (Role.ANALYST,))


async def test_who_has_joined_is_not_invited_again(now: datetime) -> None:
    person = await a_person(now=now)

    with pytest.raises(EmailTaken):
        await invited(now=now, email=person.email)

    assert (await people.people(ADMIN, first=10)).people == [person]


async def test_the_disabled_cannot_accept(now: datetime) -> None:
    await a_person(now=now)
    link = await invited(now=now)
    await disable_staff(ADMIN, link.person.id, now=now)

    with pytest.raises(InvitationInvalid):
        await accept_invitation(link.token, PASSWORD, now=now)


async def test_the_token_is_kept_as_a_hash(now: datetime) -> None:
    link = await invited(now=now)

    stored = await transactions.value("SELECT staff_invitation::text FROM staff_invitation")

    assert link.token not in stored


async def test_an_address_that_cannot_be_one_is_refused_and_nobody_is_added(now: datetime) -> None:
    with pytest.raises(Invalid):
        await invited(now=now, email="mari")

    assert (await people.people(ADMIN, first=10)).people == []


@pytest.mark.parametrize("name", all_but("admin"))
async def test_only_admins_invite(now: datetime, name: str) -> None:
    with pytest.raises(NotPermitted):
        await invite_staff(
            every_actor()[name], email="x@example.com", name="X", roles=[Role.SUPPORT], language="en", now=now
        )

    assert (await people.people(ADMIN, first=10)).people == []
