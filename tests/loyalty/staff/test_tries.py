"""How often a password may be tried: guessing ends, and shuts nobody else out."""

from datetime import datetime, timedelta

import pytest

from loyalty.staff import tries
from loyalty.throttles.attempts import Throttled

HERE, ELSEWHERE = "192.0.2.7", "203.0.113.9"
ANNA = "anna@example.com"

pytestmark = pytest.mark.usefixtures("database")


async def tried(times: int, *, now: datetime, account: str = ANNA, address: str = HERE) -> int:
    """Return how many of so many tries were let through."""
    let_through = 0
    for _ in range(times):
        try:
            await tries.count(account, address, now=now)
            let_through += 1
        except Throttled:
            pass
    return let_through


async def test_an_account_is_tried_ten_times_from_one_address(now: datetime) -> None:
    assert await tried(12, now=now) == 10
    assert await tried(12, address=ELSEWHERE, now=now) == 10


async def test_one_address_tries_a_hundred_times_whoever_it_guesses_for(now: datetime) -> None:
    assert sum([await tried(8, account=f"person{n}@example.com", now=now) for n in range(14)]) == 100


async def test_many_machines_guess_no_faster_than_three(now: datetime) -> None:
    assert sum([await tried(5, address=f"198.51.100.{n}", now=now) for n in range(10)]) == 30


async def test_who_was_here_in_the_last_thirty_days_is_not_shut_out_by_many_machines(now: datetime) -> None:
    await tries.remember(ANNA, HERE, now=now - timedelta(days=29))
    await tried(30, address=ELSEWHERE, now=now)
    for number in range(10):
        await tried(5, address=f"198.51.100.{number}", now=now)

    assert await tried(1, now=now) == 1
    assert await tried(1, address="203.0.113.10", now=now) == 0
    assert await tried(1, now=now + timedelta(days=10), address="203.0.113.10") == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("", "not an address", True),
    ],
)
async def test_a_whole_ipv6_network_counts_as_one_address(now: datetime, one: str, other: str, same: bool) -> None:
    await tried(10, address=one, now=now)

    assert await tried(10, address=other, now=now) == (0 if same else 10)
