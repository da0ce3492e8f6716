"""What a resolver knows about the request it answers."""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from loyalty.access import Actor
from loyalty.clock import Clock
from loyalty.words.languages import LANGUAGES, chosen

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
P = ParamSpec("P")


@dataclass
class Context:
    """One request, or one operation on a socket: who asks, in which languages, and what was already loaded."""

    actor: Actor
    clock: Clock
    languages: tuple[str, ...] = (LANGUAGES[0],)
    """The reader's languages, best first, out of the five; never empty."""
    request_id: str = ""
    may_introspect: bool = False
    network_address: str = "unknown"
    """Where the caller calls from, for counting attempts."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By lower-case name. Cookies are not among them: they count for nothing here."""
    connection_params: Mapping[str, Any] | None = field(default=None, repr=False)
    """What a socket's `connection_init` carried."""
    _loaders: dict[object, DataLoader[Any, Any]] = field(default_factory=dict, repr=False)

    @property
    def language(self) -> str:
        """Return the language to answer in."""
        return self.languages[0]

    @cached_property
    def now(self) -> datetime:
        """Return the moment of the operation, one for all that is asked and done in it."""
        return self.clock.now()

    @property
    def shop_id(self) -> UUID | None:
        """Return the shop the caller speaks for, if one is known."""
        return self.actor.shop_id

    def loader(
        self, load: Callable[Concatenate[list[K], P], Awaitable[list[V]]], *given: P.args, **named: P.kwargs
    ) -> DataLoader[K, V]:
        """Return this request's loader of `load(keys, *given, **named)`, which answers for many keys in their order.

        One is made per function and what it is given, so what one caller loaded is never another's.
        """
        key = (load, given, tuple(named.items()))
        loader = self._loaders.get(key)
        if loader is None:

            async def load_many(keys: list[K]) -> list[V]:
                return await load(keys, *given, **named)

            loader = self._loaders[key] = DataLoader(load_fn=load_many)
        return cast("DataLoader[K, V]", loader)

    def forget(self) -> None:
        """Forget what was loaded: something is about to change it."""
        self._loaders.clear()

    def afresh(self, request_id: str) -> "Context":
        """Return the context of the next operation on the same socket: same caller, nothing loaded yet."""
        return replace(self, request_id=request_id, _loaders={})


Info = strawberry.types.Info[Context, None]


def languages_of(accept_language: str | None, actor: Actor) -> tuple[str, ...]:
    """Return the languages to answer in: what the request asks for, else what the person is known to read."""
    return (chosen(accept_language, *actor.languages),)
