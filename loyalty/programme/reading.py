"""A programme document, read: either a programme, or a refusal that names the path and says a sentence."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import from_json

from loyalty.programme.document import Programme
from loyalty.refusals import Refusal

DOCUMENT_BYTES_MAX = 1_048_576

_SENTENCES = {
    "missing": "This is required.",
    "extra_forbidden": "There is no such field.",
    "union_tag_invalid": "This kind is none of {expected_tags}.",
    "union_tag_not_found": "The kind is missing.",
    "json_invalid": "The document is not JSON: {error}.",
}
"""What pydantic's own messages do not say plainly, by its type of error."""


class ProgrammeInvalid(Refusal):
    """The document is not a programme. `path` says where ("rewards.0.points"), `problem` what, in a sentence."""

    code = "PROGRAMME_INVALID"
    stored = False

    def __init__(self, *, path: str, problem: str) -> None:
        super().__init__(path=path, problem=problem)


def parsed(document: object) -> Programme:
    """Return the programme that a JSON value, or a JSON text, says.

    Raises:
        ProgrammeInvalid: it is none; `path` and `problem` name the first thing to mend.
    """
    text = document if isinstance(document, str | bytes) else _as_json(document)
    if len(text) > DOCUMENT_BYTES_MAX:
        raise ProgrammeInvalid(path="", problem=f"The document is larger than {DOCUMENT_BYTES_MAX:,} bytes.")
    try:
        return Programme.model_validate_json(text)
    except ValidationError as error:
        raise _first_problem(error, text) from None


def stored_form(programme: Programme) -> dict[str, Any]:
    """Return the JSON value of a programme, with everything said that was left to its default."""
    return programme.model_dump(mode="json")


def json_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of a programme document, as docs/programme.schema.json holds it."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Programme.model_json_schema()}
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _as_json(document: object) -> bytes:
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:
        raise ProgrammeInvalid(path="", problem="The document is not JSON.") from None


def _first_problem(error: ValidationError, text: str | bytes) -> ProgrammeInvalid:
    problem = error.errors(include_url=False, include_input=False)[0]
    facts = problem.get("ctx", {})
    written = _written(problem["loc"], from_json(text)) if problem["loc"] else ()
    path = [*written, *facts.get("at", ())]
    return ProgrammeInvalid(path=".".join(map(str, path)), problem=_sentence(problem["type"], problem["msg"], facts))


def _written(path: Iterable[int | str], value: Any) -> Iterator[int | str]:
    # Where a value comes in kinds, pydantic names the kind in the path too; nobody wrote it there.
    kind = value.get("kind") if isinstance(value, dict) else None
    for part in path:
        if part == kind:
            kind = None
            continue
        yield part
        try:
            value = value[part]
        except (LookupError, TypeError):
            value = None
        kind = value.get("kind") if isinstance(value, dict) else None


def _sentence(kind: str, message: str, facts: dict[str, Any]) -> str:
    if known := _SENTENCES.get(kind):
        return known.format_map(facts)
    first, should, rest = message.partition(" should ")
    sentence = f"This should {rest}" if should else first
    return sentence if sentence.endswith(".") else f"{sentence}."
