"""Documents made to hurt: families of them, each in any size (docs: tests/schema/test_hostile_documents.py).

A family is a function of a `Ground`, the names of one schema to make the documents of, and a size in bytes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True)
class Ground:
    """Names of a schema that lead from its query into a type, and from that type into itself."""

    start: str
    """What to write in a query to be within `on`, with %s for what stands there."""
    on: str
    again: str
    """What to write within `on` to be within `on` again, with %s for what stands there."""
    leaf: str
    """A field of `on` without selections."""

    def query(self, selections: str) -> str:
        """Return a query with these selections of `on`."""
        return f"{{ {self.start % selections} }}"


Family = Callable[[Ground, int], str]


def _fill(size: int, parts: Iterator[str], *, room: int = 0) -> str:
    """Return as many parts as fit into so many bytes."""
    held: list[str] = []
    length = room
    for part in parts:
        length += len(part) + 1
        if length > size:
            break
        held.append(part)
    return " ".join(held)


def _doubling(ground: Ground, size: int) -> str:
    """Each fragment spreads the next one twice: 2^n to whoever follows."""
    return _chained(ground, size, lambda name, following: f"...{following} ...{following}")


def _doubling_within_fields(ground: Ground, size: int) -> str:
    """The same, one field deeper each time and under two names."""

    def body(name: str, following: str) -> str:
        inner = ground.again % f"...{following}"
        return f"a: {inner} b: {inner}"

    return _chained(ground, size, body)


def _chained(ground: Ground, size: int, body: Callable[[str, str], str]) -> str:
    head = ground.query("...F0")
    links: list[str] = []
    length = len(head) + 60
    for number in count():
        link = f"fragment F{number} on {ground.on} {{ {body(f'F{number}', f'F{number + 1}')} }}"
        length += len(link) + 1
        if length > size:
            break
        links.append(link)
    last = f"fragment F{len(links)} on {ground.on} {{ {ground.leaf} }}"
    return "\n".join([head, *links, last])


def _repeated(ground: Ground, size: int) -> str:
    return ground.query(_fill(size, (ground.leaf for _ in count()), room=60))


def _repeated_in_threes(ground: Ground, size: int) -> str:
    """Three equal names a level, which merge to 3^n further down."""
    selections = f"{ground.leaf} " * 3
    while len(selections) * 3 + 100 < size:
        selections = (ground.again % selections + " ") * 3
    return ground.query(selections)


def _aliases(ground: Ground, size: int) -> str:
    return ground.query(_fill(size, (f"a{number}: {ground.leaf}" for number in count()), room=60))


def _deep(ground: Ground, size: int) -> str:
    selections = ground.leaf
    while len(selections) + len(ground.again) + 60 < size:
        selections = ground.again % selections
    return ground.query(selections)


def _deep_inline(ground: Ground, size: int) -> str:
    levels = max(1, (size - 60) // 6)
    return ground.query("... { " * levels + ground.leaf + " }" * levels)


def _directives(ground: Ground, size: int) -> str:
    return ground.query(ground.leaf + " " + _fill(size, ("@skip(if: false)" for _ in count()), room=80))


def _unknown_directives(ground: Ground, size: int) -> str:
    return ground.query(_fill(size, (f"{ground.leaf} @d{number}" for number in count()), room=60))


def _comments(ground: Ground, size: int) -> str:
    return _fill(size, ("#\n" for _ in count()), room=80) + "\n" + ground.query(ground.leaf)


def _inline_on_one_type(ground: Ground, size: int) -> str:
    return ground.query(_fill(size, (f"... on {ground.on} {{ {ground.leaf} }}" for _ in count()), room=60))


def _inline_on_many_types(ground: Ground, size: int) -> str:
    return ground.query(_fill(size, (f"... on T{number} {{ {ground.leaf} }}" for number in count()), room=60))


def _cycle(ground: Ground, size: int) -> str:
    ring = _chained(ground, size, lambda name, following: f"...{following}")
    return ring.rsplit("{", 1)[0] + "{ ...F0 }"


def _self_cycles(ground: Ground, size: int) -> str:
    cycles = (f"fragment C{n} on {ground.on} {{ {ground.again % f'...C{n}'} }}" for n in count())
    return ground.query(ground.leaf) + "\n" + _fill(size, cycles, room=80)


def _many_fragments(ground: Ground, size: int) -> str:
    """Every fragment stands beside every other, and each has to agree with each."""
    number = max(1, (size - 60) // (len(ground.on) + len(ground.again) + len(ground.leaf) + 40))
    spreads = " ".join(f"...P{n}" for n in range(number))
    fragments = (f"fragment P{n} on {ground.on} {{ {ground.again % f'x{n}: {ground.leaf}'} }}" for n in range(number))
    return "\n".join([ground.query(spreads), *fragments])


def _many_operations(ground: Ground, size: int) -> str:
    return _fill(size, (f"query Q{number} {ground.query(ground.leaf)}\n" for number in count()))


def _variables(ground: Ground, size: int) -> str:
    return f"query({_fill(size, (f'$v{n}: Int' for n in count()), room=60)}) {ground.query(ground.leaf)}"


def _unknown_fields(ground: Ground, size: int) -> str:
    """Names almost right, for whoever would look for what was meant."""
    return ground.query(_fill(size, (f"{ground.leaf}{number}" for number in count()), room=60))


def _deep_value(ground: Ground, size: int) -> str:
    levels = max(1, (size - 80) // 2)
    return ground.query(f"{ground.leaf} @include(if: {'[' * levels}{']' * levels})")


def _wide_value(ground: Ground, size: int) -> str:
    return ground.query(f"{ground.leaf} @include(if: [{_fill(size, ('0' for _ in count()), room=80)}])")


def _long_text(ground: Ground, size: int) -> str:
    text = r"\u0041" * max(1, (size - 80) // 6)
    return ground.query(f'{ground.leaf} @include(if: "{text}")')


def _long_number(ground: Ground, size: int) -> str:
    return ground.query(f"{ground.leaf} @include(if: {'9' * max(1, size - 80)})")


def _unclosed(ground: Ground, size: int) -> str:
    return "{ a " * max(1, size // 4)


FAMILIES: dict[str, Family] = {
    family.__name__.strip("_"): family
    for family in (
        _doubling,
        _doubling_within_fields,
        _repeated,
        _repeated_in_threes,
        _aliases,
        _deep,
        _deep_inline,
        _directives,
        _unknown_directives,
        _comments,
        _inline_on_one_type,
        _inline_on_many_types,
        _cycle,
        _self_cycles,
        _many_fragments,
        _many_operations,
        _variables,
        _unknown_fields,
        _deep_value,
        _wide_value,
        _long_text,
        _long_number,
        _unclosed,
    )
}

SIZES = tuple(2**exponent for exponent in range(8, 15))
"""256 bytes to 16 KiB, the longest document."""


def documents(ground: Ground) -> Iterator[tuple[str, int, str]]:
    """Yield every family in every size: its name, the size, the document."""
    for name, family in FAMILIES.items():
        for size in SIZES:
            yield name, size, family(ground, size)
