"""Values nobody means, for every place of a schema where a value can be given."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
)

NUMBERS: list[Any] = [
    *(
        sign * base + more
        for base in (0, 2**31, 2**53, 2**63, 10**12, 10**15, 10**18, 10**30)
        for sign in (1, -1)
        for more in (-1, 0, 1)
    ),
    *(0.5, -0.5, 1e10, 1e308, float("nan"), float("inf"), float("-inf"), 0.0001),
    *(
        "1e400",
        "-1e400",
        "NaN",
        "",
        " ",
        "1",
        "-1",
        "0x10",
        "1_000",
        "\u0663",
        str(2**63),
        str(10**30),
        "0.0001",
        "9" * 400,
    ),
    *(True, None, [], {}, [1]),
]
TEXTS: list[Any] = [
    *(
        "",
        " ",
        "\u00a0",
        "\0",
        "a\0b",
        "\ud800",
        "a\udfffb",
        "\u202e",
        "\ufeff",
        "\u200b",
        "\n\r\t",
        "\x1b[31m",
        "\x7f",
    ),
    *("a" * 10_000, "é" * 10_000, "\U0001f600" * 2_500, "e\u0301" * 3_000, "\0" * 1_000),
    *("'", '"', "\\", "%", "_", "'; --", "$1", "{}", "<script>", "../../x", "null", "undefined", "🦄", "ﷺ", "İ", "ß"),
    *(0, -1, 10**30, 1.5, True, None, [], {}, ["a"]),
]
MOMENTS: list[Any] = [
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00Z", "2026-02-30T00:00:00Z"),
    *(
        "1969-12-31T23:59:59.999999Z",
        "2026-03-02T24:00:00Z",
        "2026-03-02T12:00:60Z",
        "2026-03-02",
        "2026-03-02T12:00:00",
    ),
    *(
        "9999-12-31",
        "0001-01-01",
        "2026-02-29",
        "1899-12-31",
        "99999-01-01",
        "-0001-01-01",
        "today",
        "2026-03-02T12:00:00+99:99",
    ),
]
LISTS: list[Any] = [[], [None], [[]], {}, "x", 1, None]

Path = tuple[str | int, ...]


def odd_values(type_: GraphQLInputType) -> list[Any]:
    """Return values to try in a place of this type."""
    nullable = get_nullable_type(type_)
    if isinstance(nullable, GraphQLList):
        return LISTS
    if isinstance(nullable, GraphQLInputObjectType):
        return [None, {}, [], "x", {"unheard": 1}]
    if isinstance(nullable, GraphQLEnumType):
        return ["", "NONE", 0, None, [], "\0"]
    by_name = {"Int": NUMBERS, "BigInt": NUMBERS, "Quantity": NUMBERS, "Boolean": NUMBERS}
    by_name |= {"DateTime": [*MOMENTS, *TEXTS[:8]], "Date": [*MOMENTS, *TEXTS[:8]], "ID": TEXTS, "String": TEXTS}
    return by_name.get(get_named_type(type_).name, [*TEXTS, *NUMBERS])


def places(type_: GraphQLInputType, value: Any, at: Path = ()) -> Iterator[tuple[Path, GraphQLInputType]]:
    """Yield every place in a good value, and those it leaves empty, with their types."""
    yield at, type_
    nullable = get_nullable_type(type_)
    if isinstance(nullable, GraphQLList) and isinstance(value, list) and value:
        yield from places(nullable.of_type, value[0], (*at, 0))
    if isinstance(nullable, GraphQLInputObjectType) and isinstance(value, dict):
        for name, field in nullable.fields.items():
            yield from places(field.type, value.get(name), (*at, name))


def with_value(value: Any, at: Path, odd: Any) -> Any:
    """Return a copy of the value with something else in one place."""
    if not at:
        return odd
    changed = copy.deepcopy(value)
    within = changed
    for step in at[:-1]:
        within = within[step]
    within[at[-1]] = odd
    return changed


def numbered(value: Any, number: int, at: Path = ()) -> Any:
    """Return a copy with keys and outer names of its own, so that the rules do not stop at what they know."""
    if isinstance(value, list):
        return [numbered(part, number, at) for part in value]
    if isinstance(value, dict):
        own = {"idempotencyKey": f"key {number}", "externalId": f"odd {number}"}
        return {name: own.get(name) or numbered(part, number, at) for name, part in value.items()}
    return value


def question(
    schema: GraphQLSchema, type_: GraphQLObjectType, name: str, way: str = "%s"
) -> tuple[str, Mapping[str, Any]]:
    """Return a document that gives every argument of a field by a variable, and the arguments' types."""
    field = type_.fields[name]
    types = {argument: told.type for argument, told in field.args.items()}
    declared = ", ".join(f"${argument}: {type_}" for argument, type_ in types.items())
    given = ", ".join(f"{argument}: ${argument}" for argument in types)
    asked = f"{name}({given})"
    named = get_named_type(field.type).name
    if named.endswith("Connection"):
        asked += " { totalCount nodes { __typename } pageInfo { endCursor } }"
    else:
        asked += " { __typename }"
    return f"query({declared}) {{ {way % asked} }}", types


def is_needed(type_: GraphQLInputType) -> bool:
    """Tell whether a value must be given."""
    return isinstance(type_, GraphQLNonNull)
