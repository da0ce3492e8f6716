"""One operation, one transaction: opened inside the operation, retried whole, never a leaked connection."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar, cast

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import ConnectionWrapper, PoolConnectionWrapper
from tortoise.connection import get_connections
from tortoise.exceptions import IntegrityError

from loyalty.refusals import TryAgain

T = TypeVar("T")

ACQUIRE_TIMEOUT_SECONDS = 2.0
ATTEMPTS_MAX = 5

_RETRIED = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)
_LOST = (
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was lost between two answers of the server
    ConnectionError,
)


class OutcomeUnknown(Exception):
    """The connection was lost while committing: the work is either done or not. Look it up before repeating."""


class Conflict(Exception):
    """Somebody else committed the same thing first; the operation starts again and finds it."""


class Client(AsyncpgDBClient):
    """Tortoise's client, whose callers never wait for ever for a connection. `tables.py` names it."""

    def acquire_connection(self) -> "_Pooled":
        """Return a connection of the pool for one statement."""
        return _Pooled(self, self._pool_init_lock)


client_class = Client
"""What Tortoise looks for in the module that its configuration names as the engine."""


class _Pooled(PoolConnectionWrapper[asyncpg.Connection]):
    async def __aenter__(self) -> asyncpg.Connection:
        await self.ensure_connection()
        self.connection = await _acquired(self.client._pool)
        return self.connection

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        try:
            await super().__aexit__(exc_type, exc_val, exc_tb)
        finally:
            if _is_lost(exc_val):
                raise TryAgain from exc_val


def _is_lost(error: BaseException | None) -> bool:
    # asyncpg counts too few values, too, among the errors of its interface: a fault of ours.
    return isinstance(error, _LOST) and not str(error).startswith("the server expects")


def _was_never_sent(error: Exception) -> bool:
    # asyncpg noticed before it sent the statement that the connection was gone.
    return isinstance(error, asyncpg.InterfaceError) or str(error).startswith("cannot switch to state")


class _Transaction(TransactionWrapper):
    """A transaction that remembers a statement that failed: nothing will be kept, but COMMIT would not say so."""

    def __init__(self, parent: AsyncpgDBClient, connection: asyncpg.Connection) -> None:
        super().__init__(parent)
        self._connection = connection
        self.failed: BaseException | None = None

    def acquire_connection(self) -> "_Statement":
        """Return the transaction's connection for one statement."""
        return _Statement(self)


class _Statement(ConnectionWrapper[asyncpg.Connection]):
    def __init__(self, transaction: _Transaction) -> None:
        super().__init__(transaction._lock, transaction)
        self._transaction = transaction

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if isinstance(exc_val, asyncpg.PostgresError):
            self._transaction.failed = exc_val
        await super().__aexit__(exc_type, exc_val, exc_tb)


async def _acquired(pool: asyncpg.Pool) -> asyncpg.Connection:
    try:
        return await pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS)
    except TimeoutError:
        raise TryAgain from None


def client() -> AsyncpgDBClient:
    """Return the database client of this task: the open transaction, or the pool."""
    return cast(AsyncpgDBClient, get_connections().get("default"))


def in_transaction() -> bool:
    """Tell whether this task has a transaction open."""
    return isinstance(client(), TransactionWrapper)


async def rows(sql: str, *values: Any) -> list[asyncpg.Record]:
    """Run one statement and return its rows, RETURNING included; inside the open transaction if there is one.

    Raises:
        TryAgain: no connection was to be had within two seconds; or it was lost, outside a transaction.
    """
    async with client().acquire_connection() as connection:
        return cast(list[asyncpg.Record], await connection.fetch(sql, *values))


async def row(sql: str, *values: Any) -> asyncpg.Record | None:
    """Run one statement and return its first row, or None. Otherwise as `rows`."""
    async with client().acquire_connection() as connection:
        return await connection.fetchrow(sql, *values)


async def value(sql: str, *values: Any) -> Any:
    """Run one statement and return the first column of its first row, or None. Otherwise as `rows`."""
    async with client().acquire_connection() as connection:
        return await connection.fetchval(sql, *values)


def storable(text: str) -> bool:
    """Tell whether the database can hold the text, and so whether anything can be found by it.

    A NUL it cannot, nor half of a surrogate, which has no UTF-8.
    """
    return "\0" not in text and (text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text))


def connection_in_transaction() -> asyncpg.Connection:
    """Return the asyncpg connection of the open transaction, for COPY and the work queue."""
    assert in_transaction(), "this needs an open transaction"
    return client()._connection


@asynccontextmanager
async def _fresh_transaction() -> AsyncIterator[None]:
    # Tortoise's own context loses the pooled connection when the task is cancelled during BEGIN,
    # and waits for ever for a connection. This one does neither.
    parent = client()
    pool = await _pool_of(parent)
    wrapper = _Transaction(parent, await _acquired(pool))
    token = get_connections().set("default", wrapper)
    undo = True
    try:
        await wrapper.begin()
        yield
        assert wrapper.failed is None, f"the effects went on after a statement had failed: {wrapper.failed}"
        undo = False
        try:
            await wrapper.commit()
        except _LOST as lost:
            if _was_never_sent(lost):
                raise
            raise OutcomeUnknown from lost
    finally:
        get_connections().reset(token)
        # Goes on to its end when this task is cancelled, once more or for the first time.
        await asyncio.shield(_given_back(pool, wrapper, undo=undo))


async def _pool_of(parent: AsyncpgDBClient) -> asyncpg.Pool:
    if parent._pool is None:
        async with parent._pool_init_lock:
            if parent._pool is None:
                await parent.create_connection(with_db=True)
    pool = parent._pool
    assert pool is not None
    return pool


async def _given_back(pool: asyncpg.Pool, wrapper: TransactionWrapper, *, undo: bool) -> None:
    """Roll back what is not to be, and give the connection back. Why the transaction ended is told, not this."""
    connection = wrapper._connection
    if undo:
        try:
            await wrapper.rollback()
        except Exception:
            connection.terminate()  # whatever state it is in, nobody gets it again
    with suppress(Exception):
        await pool.release(connection)  # what cannot be reset is closed by the pool


async def in_one_transaction(effects: Callable[[], Awaitable[T]], *, repeatable: bool = False) -> T:
    """Run `effects` in one transaction and commit; start again, whole, when the database asks for it.

    Inside an open transaction the effects join it. Deadlocks, serialisation failures and a connection lost before
    COMMIT are retried, at most five times, with jitter. A `Conflict` starts again at once. With `repeatable`, the
    effects find out themselves what an earlier attempt committed, so a lost acknowledgement is retried too.

    Raises:
        TryAgain: a lock or a connection was not to be had in time.
        OutcomeUnknown: the acknowledgement of COMMIT was lost, and the effects are not repeatable.
    """
    if in_transaction():
        return await effects()
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            async with _fresh_transaction():
                return await effects()
        except asyncpg.LockNotAvailableError:
            raise TryAgain from None
        except Conflict:
            if attempt == ATTEMPTS_MAX:
                raise TryAgain from None
        except OutcomeUnknown:
            if not repeatable or attempt == ATTEMPTS_MAX:
                raise
        except (*_RETRIED, *_LOST) as error:
            if not isinstance(error, _RETRIED) and not _is_lost(error):
                raise
            if attempt == ATTEMPTS_MAX:
                raise TryAgain from None
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")


def violated_constraint(error: BaseException) -> str | None:
    """Return the name of the constraint an insert or update broke, or None."""
    if isinstance(error, IntegrityError) and error.args:
        error = error.args[0]
    return cast(str | None, getattr(error, "constraint_name", None))
