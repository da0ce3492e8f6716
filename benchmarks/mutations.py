"""W3: earn, redeem and return, one GraphQL mutation each, against the same statements without the product.

Two limits run them: a bare ASGI handler, one process as the application is, and pgbench. What the statements are is
taken down from the application at the start of each run, so a statement more or less counts on every side.
"""

import itertools
import pickle
import random
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.load import ZIPF_EXPONENT, Asked, loaded, zipf
from benchmarks.measuring import ROUNDS, Comparison, Sample, Side, measured_in_turn, memory_mib
from benchmarks.recording import Recorded, recording
from benchmarks.scratch import Scratch, Serving, application, bare
from benchmarks.seeding import Seeded, customer_id
from benchmarks.statements import CUSTOMER, as_script
from schema.identifiers import encoded

CLIENTS = 32
POOL = 32
PATH = "/graphql/admin"
WARM_SECONDS = 3
"""Of pgbench, not counted: its connections are new in each round, and each plans every statement first."""
GOALS = {"bare handler": 0.45, "pgbench": 0.22}

_numbers = itertools.count(1)


def first_number() -> int:
    """Return the first of a thousand million operations' numbers that nobody else in this run has."""
    return next(_numbers) * 1_000_000_000


@dataclass(frozen=True)
class Operation:
    """One of the mutations. `customer` is how its customers are chosen: zipf, in turn, or always the first."""

    name: str
    query: str
    input: dict[str, object]
    proof: str
    customer: str = "zipf"

    @property
    def body(self) -> str:
        """Return the request with marks for its numbers."""
        return orjson.dumps({"query": self.query, "variables": {"input": self.input, "numbers": "@N @C"}}).decode()

    def settings(self, customers: int) -> list[str]:
        """Return the beginning of a pgbench script: each client counts for itself, far from the others."""
        chosen = {
            "zipf": f"\\set c random_zipfian(1, {customers}, {ZIPF_EXPONENT})",
            "in turn": f"\\set c :n % {customers} + 1",
            "first": "\\set c 1",
        }
        return ["\\set k :k + 1", "\\set n :first + :client_id * 10000000 + :k", chosen[self.customer]]

    def customers(self, customers: int) -> list[int]:
        """Return the customers' numbers that the client takes in turn."""
        match self.customer:
            case "zipf":
                return zipf(customers, 20_000, seed=random.randrange(10**9))
            case "in turn":
                return list(range(1, customers + 1))
        return [1]


ORDER = {
    "idempotencyKey": "k@N",
    "externalId": "x@N",
    "placedAt": "2026-03-02T12:00:00Z",
    "currency": "EUR",
    "customer": {"kind": "EXTERNAL", "value": "c@C"},
    "lines": [
        {"sku": "COFFEE-500", "name": "Coffee, 500 g", "quantity": "2", "amountMinor": 1590, "category": "Coffee"},
        {"sku": "CHEESE", "name": "Cheese", "quantity": "0.453", "amountMinor": 680, "category": "Dairy"},
        {"sku": "BREAD", "name": "Rye bread", "quantity": "1", "amountMinor": 349, "category": "Bread"},
    ],
    "totalMinor": 2619,
}
EARN = Operation(
    "earn",
    "mutation($input: RecordOrderInput!) { recordOrder(input: $input) { __typename ... on OrderRecorded {"
    " replayed entries { points balanceAfterPoints } } ... on Refusal { code message } } }",
    ORDER,
    '"OrderRecorded"',
)
REDEEM = Operation(
    "redeem",
    "mutation($input: RedeemRewardInput!) { redeemReward(input: $input) { __typename ... on RewardRedeemed {"
    " replayed entitlement { id state } entry { points balanceAfterPoints } } ... on Refusal { code message } } }",
    {"idempotencyKey": "r@N", "customerId": "?", "rewardId": "free-shipping"},
    '"RewardRedeemed"',
)
RETURN = Operation(
    "return",
    "mutation($input: RecordReturnInput!) { recordReturn(input: $input) { __typename ... on ReturnRecorded {"
    " replayed entries { points balanceAfterPoints } } ... on Refusal { code message } } }",
    {
        "idempotencyKey": "b@N",
        "orderExternalId": "o@C",
        "returnedAt": "2026-03-03T12:00:00Z",
        "lines": [{"sku": "COFFEE-500", "quantity": "1"}],
    },
    '"ReturnRecorded"',
    "in turn",
)
HOT = Operation("earn, one hot wallet", EARN.query, EARN.input, EARN.proof, "first")


async def measured(at: Scratch, data: Seeded, seconds: float) -> AsyncIterator[Comparison]:
    """Measure each operation in five rounds."""
    for operation in (EARN, REDEEM, RETURN, HOT):
        yield await _compared(at, data, seconds, operation)


async def _compared(at: Scratch, data: Seeded, seconds: float, operation: Operation) -> Comparison:
    authorization = f"Bearer {data.api_key}"
    async with recording(at) as taken:
        recorded = await taken.recorded(PATH, authorization, _body(operation), operation.proof)
    told = at.folder / "statements.pickle"
    told.write_bytes(pickle.dumps({"statements": recorded.statements, "answer": recorded.answer}))
    script = _script(at, operation, data, recorded)
    with (
        application(at, pool_max=POOL) as ours,
        bare(at, "replayed", pool_max=POOL, more={"BENCH_STATEMENTS": str(told)}) as theirs,
    ):

        def run(server: Serving, lasting: float = seconds) -> Sample:
            return loaded(at, server, _asked(server, operation, data, authorization, lasting))

        us = Side("the admin endpoint", lambda: run(ours), recorded.round_trips)
        handler = Side("bare handler", lambda: run(theirs), recorded.round_trips)
        bench = Side("pgbench", lambda: pgbench(at, [script], seconds), recorded.round_trips)
        run(ours, 1), run(theirs, 1)  # both warm
        measured_in_turn([us, handler, bench], ROUNDS)
        now, most = memory_mib(ours.process)
        print(f"{operation.name}: application {now:.0f} MiB resident, {most:.0f} MiB at its highest", flush=True)
    title = f"W3: {operation.name}, {CLIENTS} clients"
    return Comparison(title, us, [handler, bench], {} if operation is HOT else GOALS)


def _body(operation: Operation) -> str:
    return operation.body.replace('"?"', f'"{encoded("Customer", customer_id(int(CUSTOMER)))}"')


def _asked(server: Serving, operation: Operation, data: Seeded, authorization: str, seconds: float) -> Asked:
    customers = operation.customers(data.customers)
    requests = [(authorization, operation.body)]
    if '"?"' in operation.body:
        # A customer's id is opaque, so each has a request of their own.
        drawn = customers[:5_000]
        requests = [
            (authorization, operation.body.replace('"?"', f'"{encoded("Customer", customer_id(one))}"'))
            for one in drawn
        ]
        customers = drawn
    return Asked(server.port, PATH, requests, CLIENTS, seconds, first_number(), customers, operation.proof.strip())


def _script(at: Scratch, operation: Operation, data: Seeded, recorded: Recorded) -> Path:
    script = at.folder / "operation.sql"
    script.write_text(as_script(recorded.statements, settings=operation.settings(data.customers)))
    return script


def pgbench(at: Scratch, scripts: Sequence[Path], seconds: float, clients: int = CLIENTS) -> Sample:
    """Run the scripts by so many clients and return what came of it."""
    files = [argument for script in scripts for argument in ("--file", str(script))]
    told = at.pgbench(
        *("--protocol=prepared", f"--client={clients}", "--jobs=2", f"--time={WARM_SECONDS + max(1, round(seconds))}"),
        *("--progress=1", f"--define=first={first_number()}", "--define=k=0", *files),
    )
    each = [
        (float(found[1]), float(found[2]))
        for found in re.finditer(r"progress: [\d.]+ s, ([\d.]+) tps, lat ([\d.]+)", told)
    ][WARM_SECONDS:]
    assert each, told
    rate = sum(tps for tps, _ in each) / len(each)
    # Not told: the processor time, as that of the first seconds cannot be taken out.
    return Sample(round(rate * len(each)), len(each), latency_p50_ms=sum(latency for _, latency in each) / len(each))
