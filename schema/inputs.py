"""Inputs built by a plan that is made once per type.

Strawberry looks up every field's name and type again for every value, which was half of the time a batch of orders
took. graphql-core has coerced and checked the values before; what is left is to make the classes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING
from functools import cache
from typing import Any

from strawberry.schema.name_converter import NameConverter
from strawberry.types.arguments import InputContext
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    has_object_definition,
)
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType

Build = Callable[[type, Mapping[str, Any], InputContext], Any]
Convert = Callable[[Any, InputContext], Any]


def plan_inputs(definitions: Iterable[object], names: NameConverter) -> None:
    """Have these types' values built by plan, as far as they are inputs.

    Those with a `Maybe` stay with Strawberry, which tells absent from null in them.
    """
    for definition in definitions:
        if isinstance(definition, StrawberryObjectDefinition) and definition.is_input and not _has_maybe(definition):
            definition.from_input = _building(definition, names)


def _has_maybe(definition: StrawberryObjectDefinition) -> bool:
    return any(isinstance(field.type, StrawberryMaybe) for field in definition.fields)


def _building(definition: StrawberryObjectDefinition, names: NameConverter) -> Build:
    @cache
    def plan() -> tuple[tuple[str, str, Convert | None], ...]:
        # Made at the first value: only then does every type know the others.
        return tuple(
            (names.from_field(field), field.python_name, _converting(field.resolve_type(type_definition=definition)))
            for field in definition.fields
        )

    # A field that may be null and has no default is null where it is absent.
    absent = [field.python_name for field in definition.fields if _is_needed(field)]

    def build(made: type, value: Mapping[str, Any], context: InputContext) -> Any:
        given: dict[str, Any] = dict.fromkeys(absent)
        for name, python_name, convert in plan():
            if name in value:
                part = value[name]
                given[python_name] = part if convert is None or part is None else convert(part, context)
        return made(**given)

    return build


def _is_needed(field: StrawberryField) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _converting(type_: Any) -> Convert | None:
    """Return what makes a coerced value one of this type, or None where it is one already."""
    if isinstance(type_, StrawberryOptional):
        return _converting(type_.of_type)
    if isinstance(type_, LazyType):
        return _converting(type_.resolve_type())
    if isinstance(type_, StrawberryList):
        return _converting_list(_converting(type_.of_type))
    if not has_object_definition(type_):
        return None
    build = type_.__strawberry_definition__.from_input
    if build is None:
        return lambda part, context: context.convert(part, type_)
    return lambda part, context: build(type_, part, context)


def _converting_list(convert: Convert | None) -> Convert:
    if convert is None:
        return lambda parts, context: list(parts)  # graphql-core gives one default list to everybody
    return lambda parts, context: [None if part is None else convert(part, context) for part in parts]
