"""Random secrets: 256 bits, shown once, kept as SHA-256. That much randomness needs no slow hash and no salt."""

import hashlib
import secrets


def new_token() -> str:
    """Return 256 random bits that can stand in an address or a cookie."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Return the form in which a token is stored and looked for."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
