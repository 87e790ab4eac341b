"""Subresources with a handler of their own; the others read and write the object itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from apiserver.endpoints.exchange import Exchange
from apiserver.endpoints.handlers.scale import scale
from apiserver.endpoints.handlers.target import Target


@dataclass(frozen=True, slots=True)
class Own:
    """How a subresource is answered; ``deep``: the path may go on behind it."""

    handle: Callable[[Exchange, Target], Awaitable[web.StreamResponse]]
    deep: bool = False


SUBRESOURCES: Final[Mapping[str, Own]] = {
    "scale": Own(scale),
}
