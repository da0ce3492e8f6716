"""Whatever comes in as bytes goes on as a well-formed request, or is answered here."""

import asyncio
import contextlib
import gc
import gzip
import json
import time
from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server import gate
from server.gate import ADMIN, CONTAINERS_MAX, DEPTH_MAX, BadBody, asked_of, parsed_json
from tests.support.tiny_schema import a_client, an_app

SHOPS, ADMINS = an_app(), an_app(body=ADMIN)
JSON = {"content-type": "application/json"}
CPU_SECONDS_MAX = 0.25
ASK = b'{"query": "{ actor }"}'


async def post(body: bytes, headers: dict[str, str] | None = None, *, admin: bool = False) -> httpx.Response:
    """Send bytes to the tiny schema."""
    async with a_client(ADMINS if admin else SHOPS) as client:
        return await client.post("/graphql", content=body, headers=JSON if headers is None else headers)


def told(response: httpx.Response) -> str:
    """Return what the only error of an answer says."""
    content = response.json()
    [error] = content["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "data" not in content
    return str(error["message"])


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"query": "{ actor }", "variables": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
        b'"abc"',
        b"1",
        b"null",
        b'{"query": "\xff\xfe"}',
        b'{"query": "{ actor }", "variables": {"a": ' + b"1" * 5_000 + b"}}",
    ],
    ids=["100,000 brackets", "deep variables", "a string", "a number", "null", "no UTF-8", "5,000 digits"],
)
async def test_the_seven_odd_bodies_are_bad_requests(body: bytes) -> None:
    response = await post(body, admin=True)

    assert response.status_code == 400
    assert told(response)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"query": NaN}', "not JSON"),
        (b'\xef\xbb\xbf{"query": "{ actor }"}', "not JSON"),
        (b'{"query": "\\ud800"}', "not JSON"),
        (b"[" + ASK + b"," + ASK + b"]", "not a list"),
        (b'{"query": 1}', "`query` must be a string"),
        (b'{"query": ["{ actor }"]}', "`query` must be a string"),
        (b'{"query": "{ actor }", "variables": "{}"}', "`variables` must be an object"),
        (b'{"query": "{ actor }", "variables": []}', "`variables` must be an object"),
        (b'{"query": "{ actor }", "operationName": 1}', "`operationName` must be a string"),
        (b'{"query": "{ actor }", "extensions": "x"}', "`extensions` must be an object"),
        (b'{"qeury": "{ actor }"}', "no document"),
        (b'{"documentId": 5}', "`documentId` must be a string"),
        (b'{"query": "{ actor }", "variables": {"a": "\\u0000"}}', "NUL"),
        (b'{"query": "{ actor }", "variables": {"a": "\\\\\\u0000"}}', "NUL"),
    ],
)
async def test_what_is_no_request_is_said_to_be_none(body: bytes, says: str) -> None:
    response = await post(body)

    assert response.status_code == 400
    assert says in told(response)


@pytest.mark.parametrize(
    "body",
    [
        ASK,
        b' \n{"query": "{ actor }", "variables": null, "operationName": null, "extensions": null} ',
        b'{"query": "{ actor }", "variables": {"a": "\\\\u0000"}, "unknown": [1, 2]}',
        b'{"query": "{ actor }", "variables": {"a": "' + b"[{" * 1_000 + b'"}}',
        b'{"query": "{ actor }", "variables": {"a": "\\"' + b"[" * 1_000 + b'\\"", "b": "\\\\"}}',
    ],
)
async def test_odd_but_well_formed_requests_are_answered(body: bytes) -> None:
    response = await post(body)

    assert (response.status_code, response.json()["data"]) == (200, {"actor": "public:"})


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/plain;x=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "foo/application/json",
        "application/jsonp",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/graphql",
    ],
)
async def test_any_other_content_type_is_not_supported(content_type: str | None) -> None:
    response = await post(ASK, {} if content_type is None else {"content-type": content_type})

    assert response.status_code == 415
    assert told(response) == "The content type must be application/json."


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
async def test_json_is_taken_however_it_is_written(content_type: str) -> None:
    assert (await post(ASK, {"content-type": content_type})).status_code == 200


async def test_a_compressed_body_is_not_unpacked() -> None:
    response = await post(gzip.compress(ASK), {**JSON, "content-encoding": "gzip"})

    assert response.status_code == 415


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("query", ["", "?query={actor}", "?query=mutation{hang(input:{numbers:[1]}){__typename}}"])
async def test_graphql_is_asked_by_post_alone(method: str, query: str) -> None:
    async with a_client(SHOPS) as client:
        response = await client.request(method, f"/graphql{query}")

    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert method == "HEAD" or told(response) == "GraphQL is asked by POST."


async def test_a_body_is_as_long_as_its_limit_at_most() -> None:
    fits = ASK + b" " * (64 * 1024 - len(ASK))

    assert (await post(fits)).status_code == 200
    assert (await post(fits + b" ")).status_code == 413
    assert (await post(fits + b" ", admin=True)).status_code == 200
    assert (await post(ASK + b" " * ADMIN.bytes_max, admin=True)).status_code == 413


async def test_a_body_that_hides_its_length_is_read_no_further_than_the_limit() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield ASK
        while True:
            sent += 1
            assert sent < 100
            yield b" " * 1_024

    async with a_client(SHOPS) as client:
        response = await client.post("/graphql", content=endless(), headers=JSON)

    assert response.status_code == 413


async def test_a_body_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_SECONDS_MAX", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(3_600)
        yield b"}"

    async with a_client(SHOPS) as client:
        response = await client.post("/graphql", content=slow(), headers=JSON)

    assert response.status_code == 408


@pytest.mark.parametrize(("levels", "passes"), [(DEPTH_MAX, True), (DEPTH_MAX + 1, False), (1_000, False)])
def test_nesting_is_bounded_before_anything_recurses(levels: int, passes: bool) -> None:
    body = b"[" * levels + b"]" * levels

    if passes:
        parsed_json(body)
    else:
        with pytest.raises(BadBody, match="deeper than 64"):
            parsed_json(body)


@given(
    st.recursive(
        st.none()
        | st.integers(-(2**53), 2**53)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from('ab[]{}"\\'), inner, max_size=4),
    )
)
@settings(deadline=None)
def test_the_gate_reads_what_json_readers_read(value: object) -> None:
    assert parsed_json(orjson.dumps(value)) == value


@given(st.text('[]{}"\\,:ab1 ', max_size=300))
@settings(max_examples=300)
def test_no_text_of_brackets_and_quotes_goes_deeper_than_it_is_said_to(text: str) -> None:
    depth = deepest = 0
    try:
        value = orjson.loads(f"[{text}]")
    except orjson.JSONDecodeError:
        value = None
    stack = [(value, 1)]
    while stack:
        inner, depth = stack.pop()
        deepest = max(deepest, depth)
        children = inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else ()
        stack += [(child, depth + 1) for child in children]

    wrapped = "[" * (DEPTH_MAX - 1) + f"[{text}]" + "]" * (DEPTH_MAX - 1)

    if value is not None and any(isinstance(item, list | dict) for item in value):
        with pytest.raises(BadBody, match="deeper"):
            parsed_json(wrapped.encode())
    elif value is not None:
        parsed_json(wrapped.encode())


def test_the_longest_batch_has_room_and_more_parts_than_that_do_not() -> None:
    line = {"sku": "A", "name": "N", "quantity": "1", "amountMinor": 1}
    batch = {"orders": [{"externalId": str(n), "customer": {}, "lines": [line] * 500} for n in range(100)]}

    parsed_json(orjson.dumps(batch))
    with pytest.raises(BadBody, match=f"{CONTAINERS_MAX} objects and lists"):
        parsed_json(b"[" + b"[]," * CONTAINERS_MAX + b"[]]")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * ADMIN.bytes_max,
        b"[]" * (ADMIN.bytes_max // 2),
        b'"' * ADMIN.bytes_max,
        b"\\" * ADMIN.bytes_max,
        b'\\"' * (ADMIN.bytes_max // 2),
        b'"[' * (ADMIN.bytes_max // 2),
        b"{" + b'"\\u0000' * (ADMIN.bytes_max // 7),
        b"[" + (b"[" * 60 + b"]" * 60 + b",") * 2_400 + b"0]",
        b"[" + b"1," * (ADMIN.bytes_max // 2 - 2) + b"1]",
        b"1" * ADMIN.bytes_max,
        b'["' + b"\\u0041" * (ADMIN.bytes_max // 6 - 4) + b'"]',
    ],
    ids=["open", "pairs", "quotes", "backslashes", "escapes", "hidden", "nul", "deep", "wide", "digits", "unicode"],
)
def test_eight_mebibytes_of_anything_are_read_or_refused_quickly(body: bytes) -> None:
    spent = float("inf")
    gc.collect()
    gc.freeze()  # what the test run holds is none of the body's doing
    for _ in range(3):
        before = time.process_time()
        with contextlib.suppress(BadBody):
            parsed_json(body)
        spent = min(spent, time.process_time() - before)
    gc.unfreeze()

    assert spent <= CPU_SECONDS_MAX


@given(body=st.binary(max_size=200) | st.binary(max_size=100).map(lambda raw: b'{"query": "' + raw + b'"}'))
@settings(max_examples=300, deadline=None)
async def test_no_bytes_are_a_fault_of_ours(body: bytes) -> None:
    response = await post(body)

    assert response.status_code in (200, 400)
    assert all(error["extensions"]["code"] == "BAD_USER_INPUT" for error in response.json().get("errors", []))


KEYS = st.sampled_from(["query", "variables", "operationName", "extensions", "documentId", "persistedQuery", "x"])
VALUES = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.sampled_from(["{ actor }", "query Q { actor }", ""])
)


@given(
    st.dictionaries(
        KEYS, VALUES | st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES)) | st.lists(VALUES, max_size=2)
    )
)
@settings(max_examples=300, deadline=None)
async def test_no_json_is_a_fault_of_ours(content: dict[str, object]) -> None:
    response = await post(json.dumps(content).encode())

    assert response.status_code in (200, 400)
    codes = {error["extensions"]["code"] for error in response.json().get("errors", [])}
    assert codes <= {"BAD_USER_INPUT", "PERSISTED_QUERY_NOT_FOUND"}


def test_what_is_absent_is_none() -> None:
    asked = asked_of({"documentId": "sha256:0"})

    assert (asked.query, asked.variables, asked.operation_name, asked.extensions) == (None,) * 4
