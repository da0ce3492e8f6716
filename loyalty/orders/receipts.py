"""Codes of orders that belong to nobody yet.

The code is derived from the order's id and the shop's secret, so it can be told again and is stored only as a hash.
80 bits, in Crockford's base32, in groups of four: read aloud and typed without mistakes.
"""

import hashlib
import hmac
from uuid import UUID

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})
_LENGTH = 16


def receipt_code(order_id: UUID, secret: bytes) -> str:
    """Return the code printed on a receipt: sixteen characters in four groups."""
    bits = int.from_bytes(hmac.new(secret, order_id.bytes, hashlib.sha256).digest()[:10], "big")
    characters = "".join(_ALPHABET[bits >> 5 * place & 31] for place in reversed(range(_LENGTH)))
    return "-".join(characters[start : start + 4] for start in range(0, _LENGTH, 4))


def receipt_code_hash(code: str) -> bytes | None:
    """Return the hash under which a typed code is stored, or None when it cannot be a code.

    Case, spaces and dashes do not matter; O is read as 0, I and L as 1, U as V.
    """
    plain = "".join(character for character in code.upper() if character.isalnum()).translate(_READ_AS)
    if len(plain) != _LENGTH or any(character not in _ALPHABET for character in plain):
        return None
    return hashlib.sha256(plain.encode()).digest()
