"""Which refusals a mutation can answer, read from its schema: what the tables of tests must cover."""

from graphql import GraphQLSchema, GraphQLUnionType, get_named_type

ANYWHERE = frozenset({"NotPermitted", "NotFound", "Invalid", "TryAgain", "Throttled"})
"""In every union, so that a new rule breaks nobody; not each can be met everywhere."""
BY_KEY = frozenset({"IdempotencyMismatch", "IdempotencyKeyInvalid"})
"""In every union of a mutation with an idempotency key."""


def members_of(schema: GraphQLSchema, mutation: str) -> list[str]:
    """Return the names of the types a mutation can answer, the success first."""
    assert schema.mutation_type is not None
    union = get_named_type(schema.mutation_type.fields[mutation].type)
    assert isinstance(union, GraphQLUnionType)
    return [member.name for member in union.types]


def mutations_of(schema: GraphQLSchema) -> list[str]:
    """Return the names of all mutations."""
    assert schema.mutation_type is not None
    return list(schema.mutation_type.fields)


def has_key(schema: GraphQLSchema, mutation: str) -> bool:
    """Tell whether the mutation takes an idempotency key."""
    assert schema.mutation_type is not None
    return "idempotencyKey" in get_named_type(schema.mutation_type.fields[mutation].args["input"].type).fields


def own_members_of(schema: GraphQLSchema, mutation: str) -> set[str]:
    """Return the refusals, and second ways to succeed, that only some mutations have: each is to be provoked."""
    return set(members_of(schema, mutation)[1:]) - ANYWHERE - BY_KEY
