"""How passwords are kept and compared."""

import asyncio
from datetime import datetime

import argon2
import pytest

from loyalty import transactions
from loyalty.refusals import TryAgain
from loyalty.staff import passwords
from loyalty.staff.passwords import Compared, compared, hashed, random_password
from tests.support.staff import PASSWORD, a_person, signed_in_as


async def test_the_right_password_is_right_and_any_other_is_not() -> None:
    stored = await hashed(PASSWORD)

    assert await compared(PASSWORD, stored) == Compared(True)
    assert await compared(PASSWORD + " ", stored) == Compared(False)
    assert await compared("", stored) == Compared(False)


async def test_a_hash_that_another_program_made_is_understood() -> None:
    # The reference implementation's test vector: phc-winner-argon2, src/test.c, "password" / "somesalt", id, v=19.
    stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

    assert await compared("password", stored) == Compared(True, outdated=True)


async def test_nobody_has_no_password_and_costs_the_same_work() -> None:
    assert await compared(PASSWORD, None) == Compared(False)
    assert not argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).check_needs_rehash(
        passwords._NOBODYS
    )


async def test_odd_input_is_just_wrong() -> None:
    stored = await hashed(PASSWORD)

    assert [await compared(odd, stored) for odd in ("\x00", "\ud800", "a" * 100_000)] == [Compared(False)] * 3
    assert await compared(PASSWORD, "not a hash") == Compared(False)


def test_random_passwords_differ_and_can_be_read() -> None:
    made = {random_password() for _ in range(1_000)}

    assert len(made) == 1_000
    assert not set("0O1lI") & set("".join(made))


async def test_hashing_leaves_the_loop_free_and_is_refused_beyond_what_can_wait() -> None:
    stored = await hashed(PASSWORD)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.005)
            beats += 1

    heart = asyncio.create_task(beat())
    outcomes = await asyncio.gather(*(compared(PASSWORD, stored) for _ in range(70)), return_exceptions=True)
    heart.cancel()

    assert sum(isinstance(outcome, TryAgain) for outcome in outcomes) == 70 - passwords.WAITING_MAX
    assert beats > 50


@pytest.mark.usefixtures("database")
async def test_a_hash_of_yesterdays_settings_is_renewed_at_sign_in(now: datetime) -> None:
    person = await a_person(now=now)
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=1_024, parallelism=1).hash(PASSWORD)
    await transactions.value("UPDATE staff_member SET password_hash = $1", weak)

    await signed_in_as(person, now=now)

    renewed = await transactions.value("SELECT password_hash FROM staff_member")
    assert await compared(PASSWORD, renewed) == Compared(True)
