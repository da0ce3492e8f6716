"""What a document may look like, checked before anything else reads it.

Fragments are followed as an executor would follow them, but never further than `selections` steps: a document that
says more than that, however few bytes it takes to say it, is refused at the step that is one too many.
So the guard's work is bounded by the limits and not by what an author can think of.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    TokenKind,
    parse,
)

from schema.codes import Code, Published

DIGITS_MAX = 50
BRACKETS_MAX = 64

_OPENING = frozenset({TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L})
_CLOSING = frozenset({TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R})
_NUMBERS = frozenset({TokenKind.INT, TokenKind.FLOAT})


@dataclass(frozen=True)
class Limits:
    """How large a document may be, and what it may cost. The defaults are the storefront's."""

    bytes: int = 16 * 1024
    tokens: int = 500
    depth: int = 15
    """Fields within fields."""
    nesting: int = 30
    """Selection sets within selection sets, inline and named fragments included."""
    aliases: int = 30
    equal_names: int = 3
    """Equal response names for one type within one selection set, fragments flattened into it."""
    equal_names_over_types: int = 30
    """The same over all the types of a union or an interface."""
    directives: int = 30
    selections: int = 1_000
    """Fields and fragments, each counted as often as it is reached."""
    operations: int = 20
    fragments: int = 50
    cost: int = 5_000


PUBLIC = Limits()
STAFF = Limits(tokens=2_000, selections=4_000, cost=20_000)


class DocumentRefused(Published):
    """The document is larger, deeper or stranger than the limits allow."""

    def __init__(self, message: str, node: Node | None = None) -> None:
        super().__init__(Code.BAD_USER_INPUT, message, node)


@dataclass
class Fragments:
    """The named fragments of a document, and those reached so far."""

    by_name: dict[str, FragmentDefinitionNode]
    reached: set[str] = field(default_factory=set)


def parsed(text: str, limits: Limits) -> DocumentNode:
    """Return the document, unless it is longer than the limits or no GraphQL at all.

    Raises:
        GraphQLError: it has too many bytes or tokens (comments count), or does not parse.
    """
    if len(text) > limits.bytes or len(text.encode()) > limits.bytes:
        raise DocumentRefused(f"The document is longer than {limits.bytes} bytes.")
    document = parse(text, max_tokens=limits.tokens)
    _refuse_strange_tokens(document)
    return document


def examine(document: DocumentNode, limits: Limits) -> bool:
    """Let the document pass, or refuse it; return whether it asks for introspection.

    Raises:
        DocumentRefused: naming the limit that was passed.
    """
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    named = [node for node in document.definitions if isinstance(node, FragmentDefinitionNode)]
    if len(operations) + len(named) < len(document.definitions):
        raise DocumentRefused("The document may hold operations and fragments only.")
    _at_most(len(operations), limits.operations, "operations")
    _at_most(len(named), limits.fragments, "fragments")
    fragments = Fragments({fragment.name.value: fragment for fragment in named})
    if len(fragments.by_name) < len(named):
        raise DocumentRefused("Two fragments have the same name.")
    walk = _Walk(limits, fragments)
    for operation in operations:
        walk.directives_of(operation)
        walk.selection_set([operation.selection_set], "", depth=1, nesting=1)
    if unused := fragments.by_name.keys() - fragments.reached:
        raise DocumentRefused(f'Fragment "{min(unused)}" is never used.')
    return walk.introspects


def _at_most(count: int, limit: int, what: str, node: Node | None = None) -> None:
    if count > limit:
        raise DocumentRefused(f"The document has more than {limit} {what}.", node)


def _refuse_strange_tokens(document: DocumentNode) -> None:
    """Refuse what nothing behind us has a place for: NUL in a text, numbers of fifty digits, brackets 64 deep."""
    depth = 0
    token = document.loc.start_token if document.loc else None
    while token is not None:
        kind, value = token.kind, token.value
        if kind in _OPENING:
            depth += 1
            if depth > BRACKETS_MAX:
                raise DocumentRefused(f"The document nests deeper than {BRACKETS_MAX} brackets.")
        elif kind in _CLOSING:
            depth -= 1
        elif value is not None and "\0" in value:
            raise DocumentRefused("The document has a NUL character in a string.")
        elif kind in _NUMBERS and token.end - token.start > DIGITS_MAX:
            raise DocumentRefused(f"The document has a number of more than {DIGITS_MAX} characters.")
        token = token.next


class _Walk:
    """One walk over everything a document's operations reach."""

    def __init__(self, limits: Limits, fragments: Fragments) -> None:
        self.limits = limits
        self.fragments = fragments
        self.introspects = False
        self._selections = self._aliases = self._directives = 0

    def selection_set(self, sets: Sequence[SelectionSetNode], parent: str, *, depth: int, nesting: int) -> None:
        """Walk the selection sets that one response object merges, then what its fields select."""
        by_name: dict[str, dict[str, list[FieldNode]]] = {}
        for chosen in sets:
            for condition, node in self._fields(chosen, parent, nesting, ()):
                self._count(node, depth)
                name = node.alias.value if node.alias else node.name.value
                by_name.setdefault(name, {}).setdefault(condition, []).append(node)
                self._refuse_repetition(by_name[name], parent, condition, node)
        for by_condition in by_name.values():
            for condition, nodes in by_condition.items():
                below = [node.selection_set for node in nodes if node.selection_set]
                if below:
                    self.selection_set(below, condition + "/", depth=depth + 1, nesting=nesting + 1)

    def directives_of(self, node: OperationDefinitionNode | SelectionNode) -> None:
        """Count the directives on a node."""
        self._directives += len(node.directives or ())
        _at_most(self._directives, self.limits.directives, "directives", node)

    def _fields(
        self, chosen: SelectionSetNode, condition: str, nesting: int, within: tuple[str, ...]
    ) -> Iterator[tuple[str, FieldNode]]:
        """Yield each field with the type condition it stands under, fragments flattened."""
        _at_most(nesting, self.limits.nesting, "levels of nesting", chosen)
        for node in chosen.selections:
            self._selections += 1
            _at_most(self._selections, self.limits.selections, "selections", node)
            self.directives_of(node)
            if isinstance(node, FieldNode):
                yield condition, node
            elif isinstance(node, InlineFragmentNode):
                on = node.type_condition.name.value if node.type_condition else condition
                yield from self._fields(node.selection_set, on, nesting + 1, within)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragment(node, within)
                on = fragment.type_condition.name.value
                yield from self._fields(fragment.selection_set, on, nesting + 1, (*within, fragment.name.value))

    def _fragment(self, spread: FragmentSpreadNode, within: tuple[str, ...]) -> FragmentDefinitionNode:
        name = spread.name.value
        fragment = self.fragments.by_name.get(name)
        if fragment is None:
            raise DocumentRefused(f'Unknown fragment "{name}".', spread)
        if name in within:
            raise DocumentRefused(f'Fragment "{name}" is within itself.', spread)
        self.fragments.reached.add(name)
        return fragment

    def _count(self, node: FieldNode, depth: int) -> None:
        _at_most(depth, self.limits.depth, "levels of fields", node)
        self._aliases += node.alias is not None
        _at_most(self._aliases, self.limits.aliases, "aliases", node)
        self.introspects = self.introspects or node.name.value in ("__schema", "__type")

    def _refuse_repetition(
        self, by_condition: dict[str, list[FieldNode]], parent: str, condition: str, node: FieldNode
    ) -> None:
        """Refuse the same answer too often. What the parent selects is selected of every type of it.

        `__typename` alone may be everywhere: clients add it to each selection set, unasked.
        """
        name = node.alias.value if node.alias else node.name.value
        what = f'fields answering to "{name}" in one place'
        everywhere = sum(len(nodes) for nodes in by_condition.values())
        _at_most(everywhere, self.limits.equal_names_over_types, what, node)
        if name == "__typename" and node.alias is None:
            return
        others = [len(nodes) for other, nodes in by_condition.items() if other != parent]
        one_type = len(by_condition[condition]) if condition != parent else max(others, default=0)
        _at_most(one_type + len(by_condition.get(parent, ())), self.limits.equal_names, what, node)
