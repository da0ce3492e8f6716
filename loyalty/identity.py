"""Identifiers made by the application."""

import os
from datetime import datetime
from uuid import UUID

_VERSION_AND_VARIANT = 0x7 << 76 | 0b10 << 62
_RANDOM_BYTES = 10
_LOW_BITS = 2**62 - 1


def new_id(now: datetime) -> UUID:
    """Return a UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds since 1970, then 74 random bits.

    Rows made together stand together in an index, and no two makers collide.
    """
    return new_ids(now, 1)[0]


def new_ids(now: datetime, count: int) -> list[UUID]:
    """Return so many UUIDv7 of one moment, for rows written together: the randomness is asked for once."""
    fixed = (int(now.timestamp() * 1000) & 2**48 - 1) << 80 | _VERSION_AND_VARIANT
    noise = os.urandom(_RANDOM_BYTES * count)
    drawn = (int.from_bytes(noise[at : at + _RANDOM_BYTES]) for at in range(0, len(noise), _RANDOM_BYTES))
    return [UUID(int=fixed | bits >> 68 << 64 | bits & _LOW_BITS) for bits in drawn]
