"""Where Tortoise finds the tables. One app label, named modules, no discovery."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

MODEL_MODULES = [
    "loyalty.once.models",
    "loyalty.throttles.models",
    "loyalty.audit.models",
    "loyalty.staff.models",
    "loyalty.runs.models",
    "loyalty.shops.models",
    "loyalty.customers.models",
    "loyalty.orders.models",
    "loyalty.ledger.models",
    "loyalty.programme.models",
    "loyalty.rewards.models",
]

APP = "loyalty"

LOCK_TIMEOUT_SECONDS = 2
"""How long a statement waits for somebody else's lock, a key in flight among them, before it is to be tried again."""


def credentials(url: str) -> dict[str, Any]:
    """Return asyncpg's connection arguments for a PostgreSQL URL.

    A socket directory may stand in `?host=`, as the embedded server gives it.
    """
    parsed = urlparse(url)
    query = parse_qs(parsed.query)
    return {
        "host": query.get("host", [parsed.hostname or "localhost"])[0],
        "port": parsed.port or 5432,
        "user": unquote(parsed.username or "postgres"),
        "password": unquote(parsed.password) if parsed.password else None,
        "database": parsed.path.lstrip("/") or "postgres",
    }


async def _no_reset(connection: Any) -> None:
    """Spare the round trip of a reset: we use only `SET LOCAL` and transaction-level locks on pooled connections."""


def tortoise_config(url: str, *, pool_max: int = 10, application_name: str = "regulars") -> dict[str, Any]:
    """Return Tortoise's configuration for the database at `url`."""
    return {
        "connections": {
            "default": {
                "engine": "loyalty.transactions",
                "credentials": {
                    **credentials(url),
                    "minsize": 1,
                    "maxsize": pool_max,
                    "reset": _no_reset,
                    "server_settings": {
                        "application_name": application_name,
                        "timezone": "UTC",
                        "jit": "off",
                        "statement_timeout": "30s",
                        "lock_timeout": f"{LOCK_TIMEOUT_SECONDS}s",
                        "idle_in_transaction_session_timeout": "10s",
                        "default_transaction_isolation": "read committed",
                    },
                },
            }
        },
        "apps": {
            APP: {"models": MODEL_MODULES, "default_connection": "default", "migrations": "migrations"},
        },
        "use_tz": True,
        "timezone": "UTC",
    }
