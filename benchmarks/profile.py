"""W1: a member's page (wallet, tier, what they hold, twenty entries), against one hand-written SQL behind bare ASGI.

The bare handler reads the customer from the token without checking it, and answers the same JSON: that is compared.
"""

import time
import urllib.request
from collections.abc import AsyncIterator, Sequence

import orjson
from joserfc import jwt
from joserfc.jwk import OctKey

from benchmarks.load import Asked, loaded, zipf
from benchmarks.measuring import Comparison, Sample, Side, measured_in_turn, memory_mib
from benchmarks.recording import recording
from benchmarks.scratch import Scratch, Serving, application, bare
from benchmarks.seeding import Seeded

CLIENTS = 16
POOL = 10
DRAWN = 4_000
PATH = "/graphql"
QUERY = """
query Profile {
  me {
    memberNumber displayName
    tier { level }
    wallet { unit availablePoints pendingPoints reservedPoints owedPoints lifetimeEarnedPoints }
    entitlements(first: 5) { nodes { rewardName state points } }
    entries(first: 20) {
      nodes { kind unit points balanceAfterPoints occurredAt order { externalId } }
      pageInfo { hasNextPage }
    }
  }
}
"""
BODY = orjson.dumps({"query": QUERY}).decode()


async def measured(at: Scratch, data: Seeded, seconds: float) -> AsyncIterator[Comparison]:
    """Measure in five rounds."""
    requests = _requests(data)
    async with recording(at) as taken:
        recorded = await taken.recorded(PATH, requests[0][0], BODY, "memberNumber")
    with (
        application(at, pool_max=POOL) as ours,
        bare(at, "profile", pool_max=POOL, more={"BENCH_SCOPE": str(data.shop.id)}) as theirs,
    ):
        _require_same(ours, theirs, requests[:3])

        def run(server: Serving) -> Sample:
            asked = Asked(server.port, PATH, requests, CLIENTS, seconds, proof="memberNumber")
            return loaded(at, server, asked)

        us = Side("the storefront endpoint", lambda: run(ours), recorded.round_trips)
        limit = Side("bare ASGI + asyncpg, one SQL", lambda: run(theirs), 1)
        run(ours), run(theirs)  # both warm
        measured_in_turn([us, limit])
        now, most = memory_mib(ours.process)
        print(f"application: {now:.0f} MiB resident, {most:.0f} MiB at its highest")
    yield Comparison(f"W1: a member's page, {CLIENTS} clients", us, [limit], unit="requests/s")


def _requests(data: Seeded) -> list[tuple[str, str]]:
    key = OctKey.import_key(data.token_secret)
    seconds = int(time.time())  # noqa: TID251 - a token's, not a rule's
    tokens: dict[int, str] = {}
    requests = []
    for number in zipf(data.customers, DRAWN):
        if number not in tokens:
            claims = {"iss": data.shop.code, "sub": f"c{number:012d}", "iat": seconds, "exp": seconds + 80_000}
            tokens[number] = jwt.encode({"alg": "HS256"}, claims, key, algorithms=["HS256"])
        requests.append((f"Bearer {tokens[number]}", BODY))
    return requests


def _require_same(ours: Serving, theirs: Serving, requests: Sequence[tuple[str, str]]) -> None:
    for authorization, body in requests:
        answers = [_asked(server.port, authorization, body) for server in (ours, theirs)]
        assert answers[0]["data"] == answers[1]["data"], answers


def _asked(port: int, authorization: str, body: str) -> dict[str, object]:
    headers = {"authorization": authorization, "content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", body.encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        told: dict[str, object] = orjson.loads(answer.read())
        return told
