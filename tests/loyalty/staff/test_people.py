"""Who works here, and who may change that."""

import asyncio
from datetime import datetime
from uuid import UUID

import pytest

from loyalty import transactions
from loyalty.access import Actor, NotPermitted, Permission, Role
from loyalty.audit import trail
from loyalty.refusals import Invalid, NotFound
from loyalty.staff import people
from loyalty.staff.passwords import PasswordTooLong, PasswordTooShort
from loyalty.staff.people import EmailTaken, RolesExceedYours, create_first_admin, create_staff
from loyalty.staff.roles import LastAdmin, change_roles, disable_staff, sign_everyone_out
from loyalty.staff.sessions import SignInRefused, signed_in
from tests.support.staff import PASSWORD, SYSTEM, a_person, all_but, an_actor, every_actor, signed_in_as

ADMIN = an_actor(Role.ADMIN)

pytestmark = pytest.mark.usefixtures("database")


async def staff_count() -> int:
    """Return how many people work here."""
    return int(await transactions.value("SELECT count(*) FROM staff_member"))


async def test_the_first_admin_gets_a_random_password_once(now: datetime) -> None:
    made = await create_first_admin(email="admin@example.com", name="Admin", language="et", now=now)
    again = await create_first_admin(email="other@example.com", name="Other", language="et", now=now)

    assert made is not None
    admin, password = made
    assert (admin.roles, admin.language, len(password)) == ((Role.ADMIN,), "et", 20)
    assert (await signed_in_as(admin, password=password, now=now)).session.person == admin
    assert again is None


async def test_of_two_first_starts_at_once_one_makes_the_admin(now: datetime) -> None:
    made = await asyncio.gather(
        *(create_first_admin(email=f"admin{n}@example.com", name="Admin", language="en", now=now) for n in range(2))
    )

    assert sorted(result is None for result in made) == [False, True]


async def test_a_password_is_kept_as_argon2id(now: datetime) -> None:
    person = await a_person(now=now)

    stored = await transactions.value("SELECT password_hash FROM staff_member WHERE id = $1", person.id)

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize(("length", "refusal"), [(9, PasswordTooShort), (1_001, PasswordTooLong)])
async def test_a_password_has_from_ten_to_a_thousand_characters(
    now: datetime, length: int, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await a_person(now=now, password="ä" * length)
    assert await staff_count() == 0

    for allowed in (10, 1_000):
        await a_person(now=now, password="ä" * allowed)


@pytest.mark.parametrize("email", ["anna@example.com", " ANNA@Example.com ", "ａｎｎａ@example.com"])
async def test_an_address_is_somebodys_however_it_is_written(now: datetime, email: str) -> None:
    await a_person(now=now, email="Anna@example.com")

    with pytest.raises(EmailTaken):
        await a_person(now=now, email=email)
    assert await staff_count() == 1


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("email", {"email": "nobody"}),
        ("email", {"email": "a@b@example.com"}),
        ("name", {"name": " "}),
        ("name", {"name": "a\x00b"}),
        ("name", {"name": "a" * 201}),
        ("language", {"language": "de"}),
        ("roles", {"roles": []}),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field(now: datetime, field: str, changed: dict[str, object]) -> None:
    given = {"email": "anna@example.com", "name": "Anna", "roles": [Role.SUPPORT], "language": "en", **changed}

    with pytest.raises(Invalid) as refused:
        await create_staff(SYSTEM, **given, password=PASSWORD, now=now)  # type: ignore[arg-type]

    assert refused.value.facts["field"] == field
    assert await staff_count() == 0


async def test_new_roles_hold_at_once_and_end_the_sessions_begun_with_the_old_ones(now: datetime) -> None:
    person = await a_person(Role.SUPPORT, now=now)
    begun = await signed_in_as(person, now=now)

    changed = await change_roles(ADMIN, person.id, [Role.ANALYST, Role.MARKETER], now=now)

    assert changed.roles == (Role.MARKETER, Role.ANALYST)
    assert await signed_in(begun.token, now=now) is None
    assert not (await signed_in_as(person, now=now)).session.actor.permissions & {Permission.LEDGER_ADJUST}


async def test_roles_that_stay_the_same_end_nothing(now: datetime) -> None:
    person = await a_person(Role.SUPPORT, now=now)
    begun = await signed_in_as(person, now=now)

    await change_roles(ADMIN, person.id, [Role.SUPPORT], now=now)

    assert await signed_in(begun.token, now=now) is not None


async def test_the_disabled_are_outside_at_once_and_stay_there(now: datetime) -> None:
    await a_person(now=now)
    person = await a_person(Role.SUPPORT, now=now)
    begun = await signed_in_as(person, now=now)

    disabled = await disable_staff(ADMIN, person.id, now=now)

    assert disabled.disabled_at == now
    assert await signed_in(begun.token, now=now) is None
    with pytest.raises(SignInRefused):
        await signed_in_as(person, now=now)
    assert await disable_staff(ADMIN, person.id, now=now) == disabled


async def test_the_last_admin_stays(now: datetime) -> None:
    last = await a_person(Role.ADMIN, now=now)
    await a_person(Role.SUPPORT, now=now)

    with pytest.raises(LastAdmin):
        await disable_staff(last.actor, last.id, now=now)
    with pytest.raises(LastAdmin):
        await change_roles(last.actor, last.id, [Role.SUPPORT], now=now)

    assert await people.person(ADMIN, last.id) == last


async def test_two_admins_who_disable_each_other_leave_one(now: datetime) -> None:
    anna, bert = await a_person(now=now), await a_person(now=now)

    outcomes = await asyncio.gather(
        disable_staff(anna.actor, bert.id, now=now), disable_staff(bert.actor, anna.id, now=now), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastAdmin", "Person"]


async def test_nobody_gives_away_more_than_they_have(now: datetime) -> None:
    program = Actor.key(UUID(int=8), frozenset({Permission.STAFF_MANAGE}))
    admin = await a_person(now=now)
    before = await staff_count()

    with pytest.raises(RolesExceedYours):
        await create_staff(program, email="x@example.com", name="X", roles=[Role.ADMIN], language="en", now=now)
    with pytest.raises(RolesExceedYours):
        await change_roles(program, admin.id, [Role.ADMIN], now=now)
    with pytest.raises(RolesExceedYours):
        await disable_staff(program, admin.id, now=now)

    assert await staff_count() == before
    assert (await people.person(ADMIN, admin.id)).disabled_at is None


async def test_signing_everyone_out_ends_every_session(now: datetime) -> None:
    begun = [await signed_in_as(await a_person(now=now), now=now) for _ in range(3)]

    assert await sign_everyone_out(ADMIN, now=now) == 3

    assert [await signed_in(session.token, now=now) for session in begun] == [None, None, None]


async def test_nobody_is_found_by_an_unknown_id(now: datetime) -> None:

    with pytest.raises(NotFound):
        await change_roles(ADMIN, UUID(int=9), [Role.ADMIN], now=now)
    with pytest.raises(NotFound):
        await people.person(ADMIN, UUID(int=9))


async def test_people_are_told_in_pages_the_longest_here_first(now: datetime) -> None:
    made = sorted([(await a_person(now=now)).id for _ in range(3)])

    first = await people.people(ADMIN, first=2)
    second = await people.people(ADMIN, first=2, after=first.people[-1].id)

    assert [person.id for person in first.people + second.people] == made
    assert (first.has_next, second.has_next) == (True, False)


async def test_what_is_done_to_staff_stands_in_the_trail_without_personal_values(now: datetime) -> None:
    person = await a_person(Role.SUPPORT, now=now, email="anna@example.com")
    await change_roles(ADMIN, person.id, [Role.ANALYST], now=now)

    acts = (await trail.page(ADMIN, first=10)).acts

    assert [(act.action, act.before, act.after) for act in acts] == [
        ("change_roles", {"roles": ["support"]}, {"roles": ["analyst"]}),
        ("create_staff", None, {"roles": ["support"]}),
    ]
    assert "anna" not in str(acts)


@pytest.mark.parametrize("name", all_but("admin"))
async def test_only_admins_manage_staff(now: datetime, name: str) -> None:
    actor, person = every_actor()[name], await a_person(Role.SUPPORT, now=now)

    with pytest.raises(NotPermitted):
        await create_staff(actor, email="x@example.com", name="X", roles=[Role.SUPPORT], language="en", now=now)
    with pytest.raises(NotPermitted):
        await change_roles(actor, person.id, [Role.ANALYST], now=now)
    with pytest.raises(NotPermitted):
        await disable_staff(actor, person.id, now=now)
    with pytest.raises(NotPermitted):
        await sign_everyone_out(actor, now=now)
    with pytest.raises(NotPermitted):
        await people.people(actor, first=10)
    with pytest.raises(NotPermitted):
        await people.person(actor, person.id)

    assert (await people.people(ADMIN, first=10)).people == [person]


async def test_everybody_may_see_themselves(now: datetime) -> None:
    person = await a_person(Role.ANALYST, now=now)

    assert await people.person(person.actor, person.id) == person
    assert person.actor.languages == ("en",)
