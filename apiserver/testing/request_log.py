"""RequestLog: the requests that the server has got, to be filtered and asserted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_SHOWN: Final = 30


@dataclass(frozen=True)
class Request:
    """One request, as the server parsed it, and its outcome.

    ``verb`` is that of RBAC. ``status`` is the HTTP code; 0: nothing was answered, or not yet.
    ``body`` is the text of the body, ``None`` if there was none or it was not kept. ``started`` is
    in seconds since 1970, ``seconds`` the time until the answer began. ``faults`` are the actions
    of the faults that hit it.
    """

    number: int
    verb: str
    method: str
    path: str
    query: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    user_agent: str = ""
    body: str | None = None
    status: int = 0
    started: float = 0.0
    seconds: float = 0.0
    faults: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, document: dict[str, Any]) -> Request:
        """Return a request as the control channel describes it."""
        lists = {name: tuple(document[name]) for name in ("groups", "faults")}
        return cls(**{**document, **lists})

    @property
    def object(self) -> Any:
        """The body as a document. Raises ValueError if it is none in JSON."""
        return json.loads(self.body or "null")

    def __str__(self) -> str:
        target = f"{self.path}?{self.query}" if self.query else self.path
        hit = f" [{', '.join(self.faults)}]" if self.faults else ""
        return f"{self.status or '---'} {self.user or '-'} {self.method} {target}{hit}"


class RequestLog(Sequence[Request]):
    """The requests that ``fetch`` returns, in the order in which they came.

    Every look reads them from the server, which keeps the last 10,000.
    """

    def __init__(self, fetch: Callable[[], list[Request]], clear: Callable[[], None]) -> None:
        self._fetch = fetch
        self._clear = clear

    def __len__(self) -> int:
        return len(self._fetch())

    def __getitem__(self, index: Any) -> Any:
        return self._fetch()[index]

    def __iter__(self) -> Iterator[Request]:
        return iter(self._fetch())

    def __str__(self) -> str:
        return "\n".join(map(str, self._fetch())) or "no requests"

    def filter(
        self, where: Callable[[Request], bool] | None = None, **fields: Any
    ) -> list[Request]:
        """Return the requests whose fields have these values: ``filter(verb="create")``.

        A tuple or a set of values stands for any of them. ``where`` is a further condition.
        """
        unknown = fields.keys() - Request.__dataclass_fields__.keys()
        if unknown:
            raise TypeError(f"requests have no {', '.join(sorted(unknown))}")
        return [
            request
            for request in self._fetch()
            if all(_is(getattr(request, name), value) for name, value in fields.items())
            and (where is None or where(request))
        ]

    def assert_any(
        self, where: Callable[[Request], bool] | None = None, **fields: Any
    ) -> list[Request]:
        """Return the requests that match, of which there must be one. Raises AssertionError."""
        found = self.filter(where, **fields)
        if not found:
            raise AssertionError(f"no request with {_named(fields)} among:\n{self._tail()}")
        return found

    def assert_none(self, where: Callable[[Request], bool] | None = None, **fields: Any) -> None:
        """Raise AssertionError if any request matches."""
        found = self.filter(where, **fields)
        if found:
            shown = "\n".join(map(str, found[:_SHOWN]))
            raise AssertionError(f"{len(found)} requests with {_named(fields)}:\n{shown}")

    def clear(self) -> None:
        """Forget all requests so far."""
        self._clear()

    def _tail(self) -> str:
        return "\n".join(map(str, self._fetch()[-_SHOWN:])) or "(none at all)"


def _is(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, (tuple, set, frozenset)) and not isinstance(value, tuple):
        return value in wanted
    return bool(value == wanted)


def _named(fields: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in fields.items()) or "these properties"
