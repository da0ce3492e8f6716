"""The client: so many connections, each with one request under way, as fast as the answers come.

A process of its own: `python -m benchmarks.load` reads what to ask as JSON from its input and prints what came of it.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from random import Random
from typing import Any, cast

import uvloop

from benchmarks.measuring import Sample, cpu_ms
from benchmarks.scratch import CHECKOUT, Scratch, Serving
from benchmarks.statements import CUSTOMER

ZIPF_EXPONENT = 1.001
"""The least that pgbench's random_zipfian takes. Customer 1 is one in ten of 10,000 customers' operations."""


@dataclass(frozen=True)
class Asked:
    """What to ask. Requests are sent in turn; in each, `@N` is the operation's number and `@C` the customer's."""

    port: int
    path: str
    requests: list[tuple[str, str]]
    """The Authorization header and the body of each."""
    clients: int
    seconds: float
    first_operation: int = 0
    customers: Sequence[int] = (1,)
    """Customers' numbers, taken in turn."""
    proof: str = "data"
    """What every good answer has in it."""


def zipf(customers: int, count: int, *, marked: bool = True, seed: int = 1) -> list[int]:
    """Draw customers' numbers as the world has them: the n-th is drawn 1/n as often as the first.

    Unless `marked`, the one whose number is a mark while statements are taken down is never drawn.
    """
    weights = [1 / number**ZIPF_EXPONENT for number in range(1, customers + 1)]
    if not marked:
        weights[int(CUSTOMER) - 1] = 0
    return Random(seed).choices(range(1, customers + 1), weights, k=count)


def loaded(at: Scratch, server: Serving, asked: Asked) -> Sample:
    """Run the client to its end and return what came of it, with the processor time it took the servers."""
    server_before, database_before = cpu_ms(server.process), at.database_cpu_ms()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(asked)).encode(),
        capture_output=True,
        cwd=CHECKOUT,
        check=False,
        timeout=asked.seconds + 10,
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr.decode()[-2000:])
    told = json.loads(done.stdout)
    return Sample(
        operations=told["operations"],
        seconds=told["seconds"],
        server_cpu_ms=cpu_ms(server.process) - server_before,
        database_cpu_ms=at.database_cpu_ms() - database_before,
        latency_p50_ms=told["p50_ms"],
        latency_p95_ms=told["p95_ms"],
    )


class _Load:
    def __init__(self, asked: dict[str, Any]) -> None:
        self.requests = [_written(asked["path"], *one) for one in asked["requests"]]
        self.customers = [b"%012d" % number for number in asked["customers"]]
        self.numbers = count(asked["first_operation"])
        self.proof = asked["proof"].encode()
        self.ends_at = 0.0
        self.latencies: list[float] = []

    def next_request(self) -> bytes:
        number = next(self.numbers)
        request = self.requests[number % len(self.requests)]
        customer = self.customers[number % len(self.customers)]
        return bytes(request.replace(b"@N", b"%012d" % number).replace(b"@C", customer))


def _written(path: str, authorization: str, body: str) -> bytes:
    # The marks are shorter than the twelve digits they become.
    raw = body.encode()
    length = len(raw) + 10 * (raw.count(b"@N") + raw.count(b"@C"))
    return (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"authorization: {authorization}\r\ncontent-length: {length}\r\n\r\n"
    ).encode() + raw


class _Client(asyncio.Protocol):
    def __init__(self, load: _Load, ended: asyncio.Future[None]) -> None:
        self.load, self.ended = load, ended
        self.received = b""
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class
        self.ask()

    def ask(self) -> None:
        self.sent_at = time.perf_counter()
        if self.sent_at >= self.load.ends_at:
            self.transport.close()
            return
        self.transport.write(self.load.next_request())

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        if b" 200 " not in head[:16] or self.load.proof not in body:
            self.fail(RuntimeError((head + body[:500]).decode(errors="replace")))
            return
        self.received = b""
        self.load.latencies.append(time.perf_counter() - self.sent_at)
        self.ask()

    def fail(self, error: Exception) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)
        self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def _run(asked: dict[str, Any]) -> None:
    load = _Load(asked)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    load.ends_at = began + asked["seconds"]
    ended = [loop.create_future() for _ in range(asked["clients"])]
    for one in ended:
        await loop.create_connection(partial(_Client, load, one), "127.0.0.1", asked["port"])
    await asyncio.gather(*ended)
    seconds = time.perf_counter() - began
    latencies = sorted(load.latencies)
    told = {
        "operations": len(latencies),
        "seconds": seconds,
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p95_ms": 1000 * latencies[len(latencies) * 95 // 100],
        "client_cpu_ms": 1000 * time.process_time(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    uvloop.run(_run(json.loads(sys.stdin.buffer.read())))
