"""How often a password may be tried, so that guessing ends and whoever guesses shuts nobody else out.

An account may be tried ten times in fifteen minutes from one network address, and an address may try a hundred times.
From addresses where an account was not used in thirty days it may be tried thirty times, all of them together: many
machines guess no faster than a few, and the person at their usual desk does not notice.
"""

import ipaddress
from datetime import datetime, timedelta

from loyalty.throttles.attempts import attempt, attempts_made, forgive

WITHIN = timedelta(minutes=15)
PER_ACCOUNT_AND_ADDRESS = 10
PER_ADDRESS = 100
PER_ACCOUNT_FROM_ELSEWHERE = 30
KNOWN_FOR = timedelta(days=30)


async def count(account: str, address: str, *, now: datetime) -> None:
    """Count one try of this account from this network address.

    Raises:
        Throttled: there were too many.
    """
    network = _network(address)
    here = f"{account} {network}"
    await attempt("staff-sign-in-address", network, limit=PER_ADDRESS, window=WITHIN, now=now)
    await attempt("staff-sign-in", here, limit=PER_ACCOUNT_AND_ADDRESS, window=WITHIN, now=now)
    if not await attempts_made("staff-signed-in-from", here, window=KNOWN_FOR, now=now):
        await attempt("staff-sign-in-elsewhere", account, limit=PER_ACCOUNT_FROM_ELSEWHERE, window=WITHIN, now=now)


async def remember(account: str, address: str, *, now: datetime) -> None:
    """Forget the wrong tries of this account from here, and know the address as one of its own for thirty days."""
    here = f"{account} {_network(address)}"
    await forgive("staff-sign-in", here)
    await forgive("staff-signed-in-from", here)
    await attempt("staff-signed-in-from", here, limit=1_000_000, window=KNOWN_FOR, now=now)  # noted, never refused


def _network(address: str) -> str:
    # A household or a server has a whole /64 of IPv6; counting single addresses would count nothing.
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
