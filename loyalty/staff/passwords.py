"""What a password must be, and how it is kept: argon2id, computed off the event loop, few at a time."""

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from loyalty.refusals import Refusal, TryAgain

LENGTH_MIN = 10
LENGTH_MAX = 1_000
HASHED_AT_ONCE = 2
WAITING_MAX = 64

# OWASP's first choice for argon2id (Password Storage Cheat Sheet): 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_HASHING = ThreadPoolExecutor(HASHED_AT_ONCE, thread_name_prefix="passwords")
# The hash of a random password nobody has: an unknown e-mail address costs the same work as a known one.
_NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$SlzRjhwSI8ySOQ1t7WBLmw$gvrPIFXRhUNEHqOsWlVAhNzLyQw2BYK8oyYI00RXcmU"
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without 0 O 1 l I, which people misread

_waiting = 0


class PasswordTooShort(Refusal):
    """A password has at least `length_min` characters."""

    code = "PASSWORD_TOO_SHORT"
    stored = False

    def __init__(self, *, length_min: int = LENGTH_MIN) -> None:
        super().__init__(length_min=length_min)


class PasswordTooLong(Refusal):
    """A password has at most `length_max` characters."""

    code = "PASSWORD_TOO_LONG"
    stored = False

    def __init__(self, *, length_max: int = LENGTH_MAX) -> None:
        super().__init__(length_max=length_max)


@dataclass(frozen=True)
class Compared:
    """Whether a password was right, and whether its hash was made with settings of yesterday."""

    right: bool
    outdated: bool = False


def random_password() -> str:
    """Return a password of 20 characters, 116 bits, that can be read from a screen and typed."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(20))


async def hashed(password: str) -> str:
    """Return the password as it is stored.

    Raises:
        PasswordTooShort: fewer than ten characters.
        PasswordTooLong: more than a thousand.
        TryAgain: too many passwords wait to be hashed just now.
    """
    if len(password) < LENGTH_MIN:
        raise PasswordTooShort
    if len(password) > LENGTH_MAX:
        raise PasswordTooLong
    return await _off_the_loop(password)


async def compared(password: str, password_hash: str | None) -> Compared:
    """Compare a password with a stored hash; without one, do the same work in vain.

    Raises:
        TryAgain: too many passwords wait to be hashed just now.
    """
    right = await _off_the_loop(password[: LENGTH_MAX + 1], password_hash or _NOBODYS) != ""
    if password_hash is None or not right:
        return Compared(False)
    return Compared(True, outdated=_HASHER.check_needs_rehash(password_hash))


async def _off_the_loop(password: str, compare_with: str | None = None) -> str:
    # Two threads are the cap: memory stays bounded, and the loop stays free because argon2 lets go of the lock.
    global _waiting
    if _waiting >= WAITING_MAX:
        raise TryAgain
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_HASHING, _hash_or_compare, password, compare_with)
    finally:
        _waiting -= 1


def _hash_or_compare(password: str, compare_with: str | None) -> str:
    plain = password.encode(errors="surrogatepass")
    if compare_with is None:
        return _HASHER.hash(plain)
    try:
        _HASHER.verify(compare_with, plain)
    except (VerificationError, InvalidHashError):
        return ""
    return compare_with
