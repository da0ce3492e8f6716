"""A union's members can be asked side by side."""

from collections import defaultdict

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, GraphQLUnionType

from schema.admin.root import AdminSchema
from schema.execution import GuardedSchema
from schema.storefront.root import StorefrontSchema


@pytest.mark.parametrize("schema", [StorefrontSchema(), AdminSchema()], ids=["storefront", "admin"])
def test_a_field_of_one_name_has_one_type_in_all_members_of_a_union(schema: GuardedSchema) -> None:
    """Else `... on A { lineNumber } ... on B { lineNumber }` is refused: the answers' shapes would differ."""
    printed: GraphQLSchema = schema._schema

    differing = {
        (union.name, name): dict(types)
        for union in printed.type_map.values()
        if isinstance(union, GraphQLUnionType)
        for name, types in _types_by_field(union).items()
        if len(types) > 1
    }

    assert differing == {}


def _types_by_field(union: GraphQLUnionType) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for member in union.types:
        assert isinstance(member, GraphQLObjectType)
        for name, field in member.fields.items():
            found[name][str(field.type)].append(member.name)
    return found
