"""A web process that is killed while it records, and what must be true afterwards.

Run as a program, it is where web processes come from: it has imported everything, forks one for each line it is sent,
says its number, and leaves it alone.
"""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from loyalty import transactions
from loyalty.ledger.verification import verify
from loyalty.programme.first import publish_first
from loyalty.shops.catalogue import forget_shops, open_first_shop
from tests.support.api import ADMIN, a_line, an_order, by_email
from tests.support.database import CHECKOUT
from tests.support.staff import a_key

SELLERS = 4
CUSTOMERS = 12
READY_SECONDS = 30
BATCH = """
mutation($input: RecordOrdersInput!) {
  recordOrders(input: $input) { ... on OrdersRecorded { results {
    __typename
    ... on OrderRecorded { replayed order { externalId } entries { points } }
    ... on Refusal { code }
  } } }
}
"""


def a_free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def a_shop_that_sells(seed: int) -> "Crashes":
    """Open the first shop in the database that is open, and return it with a key that may record."""
    opened_at = datetime(2026, 1, 1, tzinfo=UTC)
    forget_shops()
    shop = await open_first_shop(now=opened_at)
    await publish_first(shop.programme, currency=shop.currency, now=opened_at)
    _, secret = await a_key(now=opened_at)
    return Crashes(a_free_port(), secret, seed)


@dataclass
class Nursery:
    """Where web processes are forked, so that each starts in a moment."""

    process: "subprocess.Popen[str]"
    environment: dict[str, str]

    def web(self) -> int:
        """Fork a web process and return its number."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("web\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def nursery(database_url: str, port: int, data_dir: str) -> Iterator[Nursery]:
    """Yield a nursery whose processes serve this database on this port; end what is left of them."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")} | {
        "REGULARS_DATABASE_URL": database_url,
        "REGULARS_DATA_DIR": data_dir,
        "REGULARS_SECRET": "a secret of the tests, long enough to be one",
        "REGULARS_PORT": str(port),
        "REGULARS_LOG_LEVEL": "error",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.crashing"],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Nursery(process, environment)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(READY_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


@dataclass
class Sold:
    """An order that was sent: by whom, and what it must earn."""

    batch: int
    external_id: str
    email: str
    points: int
    lines: int


@dataclass
class Crashes:
    """A shop that goes on selling while its server is killed again and again."""

    port: int
    key: str
    seed: int
    dice: random.Random = field(init=False)
    batches: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    sold: dict[str, Sold] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    unanswered: set[int] = field(default_factory=set)
    kills: int = 0
    completed: int = 0
    """Batches that were sent again after a kill, and answered then."""
    known: int = 0
    """Those of them that had been recorded: only the answer was lost."""

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    async def ready(self) -> None:
        """Wait until the server can serve."""
        async with asyncio.timeout(READY_SECONDS), httpx.AsyncClient() as http:
            while True:
                try:
                    if (await http.get(f"http://127.0.0.1:{self.port}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.02)

    async def sell_until_killed(self, pid: int) -> None:
        """Send batches from several sellers, and kill the server in the midst of them."""
        killed = asyncio.Event()
        async with self._client() as http:
            selling = [asyncio.create_task(self._sell(http, killed)) for _ in range(SELLERS)]
            await asyncio.sleep(self.dice.uniform(0.02, 0.5))
            os.kill(pid, signal.SIGKILL)
            killed.set()
            await asyncio.gather(*selling)
        self.kills += 1

    async def complete(self) -> None:
        """Send again, unchanged, what was never answered: what was recorded is told again, the rest is recorded."""
        stored = set(await self._stored())
        async with self._client() as http:
            for number in sorted(self.unanswered):
                results = await self._send(http, number)
                for order, result in zip(self.batches[number], results, strict=True):
                    assert result["__typename"] == "OrderRecorded", (self.seed, result)
                    known = order["externalId"] in stored
                    assert result["replayed"] is known, (self.seed, order["externalId"])
                self.completed += 1
                self.known += self.batches[number][0]["externalId"] in stored
        self.unanswered.clear()

    async def check(self) -> None:
        """See that what was acknowledged is there once, and nothing is there in part."""
        stored = await self._stored()
        lost = self.acknowledged - stored.keys()
        assert not lost, f"seed {self.seed}: acknowledged and lost: {sorted(lost)}"
        for external_id, found in stored.items():
            order = self.sold[external_id]
            told = (found["times"], found["lines"], found["earns"], found["points"])
            assert told == (1, order.lines, 1, order.points), f"seed {self.seed}: {external_id}: {told}"
        # A batch is one transaction: all of it or nothing.
        for number, orders in self.batches.items():
            there = {order["externalId"] in stored for order in orders}
            assert len(there) == 1, f"seed {self.seed}: half of batch {number}"
        strays = await transactions.value(
            "SELECT count(*) FROM entry e WHERE e.kind = 'earn'"
            " AND NOT EXISTS (SELECT FROM customer_order o WHERE o.id = e.order_id)"
        )
        assert strays == 0, f"seed {self.seed}: {strays} units without an order"

    async def verify(self) -> None:
        """See that all of it is recorded now, that nobody has a unit too many, and that the ledger holds."""
        assert set(await self._stored()) == set(self.sold), f"seed {self.seed}"
        expected: dict[str, int] = {}
        for order in self.sold.values():
            expected[order.email] = expected.get(order.email, 0) + order.points
        found = await transactions.rows(
            "SELECT i.value_key, w.available_points FROM wallet w JOIN customer_identifier i USING (customer_id)"
            " WHERE i.kind = 'email'"
        )
        assert {row["value_key"]: row["available_points"] for row in found} == expected, f"seed {self.seed}"
        report = await verify(datetime(2026, 3, 2, tzinfo=UTC))
        assert report.agrees, f"seed {self.seed}: {report.first_difference}"

    def _client(self) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=10)

    async def _sell(self, http: httpx.AsyncClient, killed: asyncio.Event) -> None:
        while not killed.is_set():
            number = self._new_batch()
            try:
                results = await self._send(http, number)
            except httpx.TransportError:
                return
            for order, result in zip(self.batches[number], results, strict=True):
                assert result["__typename"] == "OrderRecorded", (self.seed, result)
                self.acknowledged.add(order["externalId"])
            self.unanswered.discard(number)

    async def _send(self, http: httpx.AsyncClient, number: int) -> list[dict[str, Any]]:
        input = {"idempotencyKey": f"batch {number}", "orders": self.batches[number]}
        response = await http.post(ADMIN, json={"query": BATCH, "variables": {"input": input}})
        told = response.json()
        assert "errors" not in told, (self.seed, told["errors"])
        results: list[dict[str, Any]] = told["data"]["recordOrders"]["results"]
        return results

    def _new_batch(self) -> int:
        number = len(self.batches)
        orders = []
        for place in range(self.dice.randint(1, 20)):
            email = f"customer-{self.dice.randrange(CUSTOMERS)}@example.com"
            lines = [a_line(self.dice.randint(100, 9_999)) for _ in range(self.dice.randint(1, 4))]
            points = sum(line["amountMinor"] for line in lines) // 100
            order = an_order(f"{number}-{place}", *lines, customer=by_email(email))
            orders.append(order)
            self.sold[order["externalId"]] = Sold(number, order["externalId"], email, points, len(lines))
        self.batches[number] = orders
        self.unanswered.add(number)
        return number

    async def _stored(self) -> dict[str, dict[str, Any]]:
        found = await transactions.rows(
            "SELECT o.external_id, count(DISTINCT o.id) AS times, count(DISTINCT l.id) AS lines,"
            " count(DISTINCT e.id) AS earns, coalesce(max(e.points), 0) AS points FROM customer_order o"
            " LEFT JOIN order_line l ON l.order_id = o.id LEFT JOIN entry e ON e.order_id = o.id AND e.kind = 'earn'"
            " GROUP BY o.external_id"
        )
        return {row["external_id"]: dict(row) for row in found}


def main() -> None:
    """Fork a web process for each line, until there are none."""
    from rich.console import Console

    from loyalty.clock import SystemClock
    from server import logs, running
    from server.settings import read

    settings = read()
    children: set[int] = set()
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            logs.configure(settings.log_format, settings.log_level)
            running.run(running.web(settings, SystemClock(), Console(stderr=True, quiet=True)))
            os._exit(0)
        children.add(pid)
        print(pid, flush=True)  # noqa: T201 - what the other end waits for
    for pid in children:
        if os.waitpid(pid, os.WNOHANG) == (0, 0):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
