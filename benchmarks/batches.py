"""W4: orders, a hundred to a request, against pgbench running the statements of the same batches."""

from collections.abc import AsyncIterator

import orjson

from benchmarks.load import Asked, loaded, zipf
from benchmarks.measuring import Comparison, Sample, Side, measured_in_turn, memory_mib
from benchmarks.mutations import ORDER, PATH, first_number, pgbench
from benchmarks.recording import recording
from benchmarks.scratch import Scratch, Serving, application
from benchmarks.seeding import Seeded
from benchmarks.statements import as_script

ORDERS = 100
LINES = 3
CLIENTS = 4
POOL = 10
BATCHES = 12
"""Different batches, each with customers of its own; which one is sent is chosen anew each time."""
GOALS = {"pgbench": 0.80}
QUERY = (
    "mutation($input: RecordOrdersInput!) { recordOrders(input: $input) { __typename ... on OrdersRecorded {"
    " replayed results { __typename ... on OrderRecorded { replayed } ... on Refusal { code message } } }"
    " ... on Refusal { code message } } }"
)
PROOF = '"OrdersRecorded"'


async def measured(at: Scratch, data: Seeded, seconds: float) -> AsyncIterator[Comparison]:
    """Measure in five rounds."""
    authorization = f"Bearer {data.api_key}"
    bodies = _bodies(data)
    scripts = []
    async with recording(at) as taken:
        for position, body in enumerate(bodies):
            recorded = await taken.recorded(PATH, authorization, body, PROOF)
            script = at.folder / f"batch{position}.sql"
            settings = ["\\set k :k + 1", "\\set n :first + :client_id * 10000000 + :k"]
            script.write_text(as_script(recorded.statements, settings=settings))
            scripts.append(script)
    with application(at, pool_max=POOL) as ours:

        def run(server: Serving, lasting: float = seconds) -> Sample:
            requests = [(authorization, body) for body in bodies]
            return loaded(at, server, Asked(server.port, PATH, requests, CLIENTS, lasting, first_number(), proof=PROOF))

        us = Side("the admin endpoint", lambda: run(ours), recorded.round_trips)
        bench = Side("pgbench", lambda: pgbench(at, scripts, seconds, CLIENTS), recorded.round_trips)
        run(ours, 1)
        measured_in_turn([us, bench])
        now, most = memory_mib(ours.process)
        print(f"batches: application {now:.0f} MiB resident, {most:.0f} MiB at its highest", flush=True)
    title = f"W4: recordOrders, {ORDERS} orders of {LINES} lines a request, {CLIENTS} clients"
    yield Comparison(title, us, [bench], GOALS, unit="lines/s", scale=ORDERS * LINES)


def _bodies(data: Seeded) -> list[str]:
    drawn = iter(zipf(data.customers, ORDERS * BATCHES, marked=False, seed=4))
    return [
        orjson.dumps(
            {
                "query": QUERY,
                "variables": {
                    "input": {
                        "idempotencyKey": "batch@N",
                        "orders": [
                            {
                                **ORDER,
                                "idempotencyKey": f"k@N-{place}",
                                "externalId": f"x@N-{place}",
                                "customer": {"kind": "EXTERNAL", "value": f"c{next(drawn):012d}"},
                            }
                            for place in range(ORDERS)
                        ],
                    }
                },
            }
        ).decode()
        for _ in range(BATCHES)
    ]
