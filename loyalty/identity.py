"""Identifiers made by the application."""

import secrets
import uuid
from datetime import datetime


def new_id(now: datetime) -> uuid.UUID:
    """Return a UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds since 1970, then 74 random bits.

    Rows made together stand together in an index, and no two makers collide.
    """
    milliseconds = int(now.timestamp() * 1000) & (2**48 - 1)
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return uuid.UUID(int=value)
