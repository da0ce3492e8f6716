"""Documents made from a schema by walking it: everything a type can tell, and the way to each type."""

from collections import deque
from collections.abc import Iterator, Mapping

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)

PAGE = "first: 3"

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType


def called(field_name: str, field: GraphQLField) -> str:
    """Return how to ask for a nested field: pages of three, and nothing that need not be given."""
    needed = {name for name, argument in field.args.items() if isinstance(argument.type, GraphQLNonNull)}
    assert needed <= {"first"}, f"{field_name} needs {needed}"
    return f"{field_name}({PAGE})" if "first" in needed else field_name


def everything(schema: GraphQLSchema, type_: GraphQLNamedType, within: tuple[str, ...] = ()) -> str:
    """Return a selection of all that a type can tell, and what that leads to; no type within itself."""
    parts = ["__typename"]
    for member in _members(schema, type_):
        inner = " ".join(_selected(schema, member, (*within, type_.name, member.name)))
        parts.append(inner if member is type_ else f"... on {member.name} {{ {inner or '__typename'} }}")
    return "{ " + " ".join(parts) + " }"


def _selected(schema: GraphQLSchema, type_: GraphQLObjectType, within: tuple[str, ...]) -> Iterator[str]:
    for name, field in type_.fields.items():
        named = get_named_type(field.type)
        if is_leaf_type(named):
            yield called(name, field)
        elif named.name not in within:
            yield f"{called(name, field)} {everything(schema, named, within)}"


def _members(schema: GraphQLSchema, type_: GraphQLNamedType) -> list[GraphQLObjectType]:
    if isinstance(type_, GraphQLObjectType):
        return [type_]
    if isinstance(type_, GraphQLUnionType):
        return list(type_.types)
    assert isinstance(type_, GraphQLInterfaceType)
    return list(schema.get_implementations(type_).objects)


def ways(schema: GraphQLSchema, root: GraphQLObjectType, starts: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return for each object type the shortest way to it: the root field, and a document with %s for its selection.

    `starts` are the arguments of the root fields to start from, with their parentheses.
    """
    found: dict[str, tuple[str, str]] = {}
    queue = deque((name, f"{name}{given} %s", get_named_type(root.fields[name].type)) for name, given in starts.items())
    while queue:
        root_field, document, type_ = queue.popleft()
        for member in _members(schema, type_) if isinstance(type_, Composite) else []:
            if member.name in found:
                continue
            here = document if member is type_ else document % f"{{ ... on {member.name} %s }}"
            found[member.name] = (root_field, here)
            for name, field in member.fields.items():
                queue.append((root_field, here % f"{{ {called(name, field)} %s }}", get_named_type(field.type)))
    return found


def one_field(schema: GraphQLSchema, type_name: str, field_name: str) -> str:
    """Return a selection of one field of a type and little of what it leads to."""
    type_ = schema.type_map[type_name]
    assert isinstance(type_, GraphQLObjectType)
    field = type_.fields[field_name]
    inner = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
    return f"{{ {called(field_name, field)}{inner} }}"
