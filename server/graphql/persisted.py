"""Documents by their hash: Apollo's persisted queries, and `documentId: "sha256:…"`."""

import re

from schema.codes import Code, Published
from schema.documents import Documents, sha256
from server.gate import Asked

_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")


def document_text(asked: Asked, documents: Documents, *, trusted_only: bool) -> str | None:
    """Return the document's text, sent as such or by its hash; a text sent with its hash is remembered by it.

    Raises:
        Published: the hash is not known here, is not the text's, or only trusted texts count and this is none.
    """
    key, text = _key(asked), asked.query
    if text is not None:
        if trusted_only and not documents.trusts(text):
            raise Published(Code.PERSISTED_QUERY_NOT_FOUND, "This shop takes trusted documents only.")
        if key is not None:
            _remember(documents, key, text)
        return text
    if key is None:
        return None
    text = documents.persisted(key, trusted_only=trusted_only)
    if text is None:
        # Apollo's clients look for these very words, and then send the text.
        raise Published(Code.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")
    return text


def _key(asked: Asked) -> str | None:
    """Return the SHA-256 by which a document was asked for."""
    if asked.document_id is not None:
        if asked.query is not None:
            raise Published(Code.BAD_USER_INPUT, "Send `query` or `documentId`, not both.")
        scheme, _, key = asked.document_id.partition(":")
        return _hash(key if scheme == "sha256" else "")
    persisted = (asked.extensions or {}).get("persistedQuery")
    return _hash(persisted.get("sha256Hash")) if isinstance(persisted, dict) else None


def _hash(key: object) -> str:
    if not isinstance(key, str) or not _SHA256.fullmatch(key):
        raise Published(Code.BAD_USER_INPUT, "A document is named by its SHA-256, 64 hexadecimal digits.")
    return key.lower()


def _remember(documents: Documents, key: str, text: str) -> None:
    if sha256(text) != key:
        raise Published(Code.BAD_USER_INPUT, "The provided sha does not match the query.")
    documents.persist(text)
