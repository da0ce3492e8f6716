"""The registry of documents: each text is parsed, examined, priced and validated once.

It is keyed by the text itself, bounded in number and bytes, and keeps what is used. It is also the store of persisted
documents: a client may send the SHA-256 of a text the registry holds instead of the text.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Source,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.codes import Code, Published
from schema.cost import Priced, Prices
from schema.guard import Limits, examine, parsed

DOCUMENTS_MAX = 1_000
DOCUMENTS_BYTES_MAX = 512 * 1024
"""Of text; a parsed document takes about a hundred times its text, so this is some 50 MiB."""
PERSISTED_MAX = 20_000
PERSISTED_BYTES_MAX = 4 * 1024 * 1024
"""Of text, which is all that is kept of a persisted document until it is asked for."""
REFUSED_MAX = 200
ERRORS_SHOWN_MAX = 20

RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


@dataclass
class Operation:
    """One operation of a document."""

    name: str | None
    type: OperationType
    priced: Priced


@dataclass
class Document:
    """A document the registry has read. With `refused` there is nothing else to know about it."""

    text: str
    tree: DocumentNode | None = None
    refused: GraphQLError | None = None
    introspects: bool = False
    operations: list[Operation] = field(default_factory=list)
    errors: list[GraphQLError] | None = None
    """What validation found; None until somebody asked."""

    def operation(self, name: str | None) -> Operation | None:
        """Return the operation to run: the one of that name, or the only one there is."""
        if name is None:
            return self.operations[0] if len(self.operations) == 1 else None
        return next((operation for operation in self.operations if operation.name == name), None)


class Documents:
    """The documents of one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        trusted: Collection[str] = (),
        count_max: int = DOCUMENTS_MAX,
        bytes_max: int = DOCUMENTS_BYTES_MAX,
    ) -> None:
        """`trusted` are the texts a shop that trusts no others may send; they are never forgotten."""
        self._schema = schema
        self._limits = limits
        self._prices = Prices(schema)
        self._trusted: Mapping[str, str] = {sha256(text): text for text in trusted}
        self._trusted_texts = frozenset(trusted)
        self._kept: dict[str, Document] = {}
        self._read: OrderedDict[str, Document] = OrderedDict()
        self._refused: OrderedDict[str, Document] = OrderedDict()
        self._persisted: OrderedDict[str, str] = OrderedDict()
        self._count_max = count_max
        self._bytes_max = bytes_max
        self._bytes = self._persisted_bytes = 0

    def read(self, text: str) -> Document:
        """Return the document of this text: parsed, examined and priced, now or before."""
        document = self._kept.get(text) or self._read.get(text) or self._refused.get(text)
        if document is None:
            document = self._keep(self._first_read(text))
        elif text in self._read:
            self._read.move_to_end(text)
        return document

    def validated(self, document: Document) -> list[GraphQLError]:
        """Return what is wrong with the document under this schema; looked for once."""
        if document.errors is None:
            assert document.tree is not None
            found = validate(self._schema, document.tree, RULES, max_errors=ERRORS_SHOWN_MAX, hide_suggestions=True)
            document.errors = found[:ERRORS_SHOWN_MAX]  # the one after them only says that there are more
        return document.errors

    def persist(self, text: str) -> None:
        """Remember a text by its hash, for clients that will send the hash alone."""
        key = sha256(text)
        if key in self._persisted or self.read(text).refused:
            return
        self._persisted[key] = text
        self._persisted_bytes += len(text)
        while len(self._persisted) > PERSISTED_MAX or self._persisted_bytes > PERSISTED_BYTES_MAX:
            _, forgotten = self._persisted.popitem(last=False)
            self._persisted_bytes -= len(forgotten)

    def persisted(self, key: str, *, trusted_only: bool = False) -> str | None:
        """Return the text with this SHA-256 (hexadecimal, lower case), or None when it is not held."""
        if trusted_only or key in self._trusted:
            return self._trusted.get(key)
        if key in self._persisted:
            self._persisted.move_to_end(key)
        return self._persisted.get(key)

    def trusts(self, text: str) -> bool:
        """Return whether this text is one of the trusted ones."""
        return text in self._trusted_texts

    def __len__(self) -> int:
        return len(self._kept) + len(self._read)

    def _first_read(self, text: str) -> Document:
        try:
            tree = parsed(text, self._limits)
            introspects = examine(tree, self._limits)
        except GraphQLError as error:
            # Only what can be told is kept: the error itself holds on to the whole tree, and its traceback to more.
            positions = error.positions or []
            refused = Published(Code.BAD_USER_INPUT, error.message, source=Source(text), positions=positions)
            return Document(text, refused=refused)
        fragments = {node.name.value: node for node in tree.definitions if isinstance(node, FragmentDefinitionNode)}
        operations = [
            Operation(node.name.value if node.name else None, node.operation, self._prices.price(node, fragments))
            for node in tree.definitions
            if isinstance(node, OperationDefinitionNode)
        ]
        return Document(text, tree, introspects=introspects, operations=operations)

    def _keep(self, document: Document) -> Document:
        if document.refused:
            self._refused[document.text] = document
            if len(self._refused) > REFUSED_MAX:
                self._refused.popitem(last=False)
        elif document.text in self._trusted_texts:
            self._kept[document.text] = document
        else:
            self._read[document.text] = document
            self._bytes += len(document.text)
            while len(self._read) > self._count_max or self._bytes > self._bytes_max:
                forgotten, _ = self._read.popitem(last=False)
                self._bytes -= len(forgotten)
        return document


def sha256(text: str) -> str:
    """Return the key under which a text is persisted."""
    return hashlib.sha256(text.encode()).hexdigest()
