"""The history of a run: the requests of clients and their responses, for validation."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from storage.interface import ABSENT, Event, Record

#: Outcomes of an operation.
OK: Final = "ok"
CONFLICT: Final = "conflict"
#: It was refused and changed nothing.
REFUSED: Final = "refused"
#: Nobody knows whether it happened, or will.
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class State:
    """A key as somebody saw it."""

    key: str
    value: str
    revision: int
    created: int


@dataclass(slots=True)
class Operation:
    """One call of a client; ``returned`` is when the answer came."""

    client: str
    kind: str
    key: str
    value: str = ""
    expected: int = ABSENT
    called: float = 0.0
    returned: float = 0.0
    outcome: str = UNKNOWN
    #: What was written, deleted or read, or what a conflict showed.
    state: State | None = None
    #: What a list showed, all pages together, and as of which revision.
    states: list[State] = field(default_factory=list)
    revision: int = 0

    @property
    def wrote(self) -> bool:
        """Whether it is a change that was acknowledged."""
        return self.kind in ("put", "delete") and self.outcome == OK


@dataclass(frozen=True, slots=True)
class Change:
    """One event of a watch."""

    key: str
    revision: int
    state: State | None
    previous: State | None


@dataclass(slots=True)
class Watched:
    """What one watch said, from ``after`` on: after each batch, all up to ``reached`` was said."""

    client: str
    prefix: str
    after: int
    batches: list[tuple[int, list[Change]]] = field(default_factory=list)


@dataclass(slots=True)
class History:
    """All that happened in a run."""

    operations: list[Operation] = field(default_factory=list)
    watches: list[Watched] = field(default_factory=list)

    def begin(self, client: str, kind: str, key: str, **details: Any) -> Operation:
        """Note that a client calls."""
        operation = Operation(client, kind, key, called=time.monotonic(), **details)
        self.operations.append(operation)
        return operation

    def successes(self, start: int = 0) -> int:
        """Return how many of the calls from the ``start``-th on have succeeded."""
        return sum(each.outcome == OK for each in self.operations[start:])

    def save(self, path: Path) -> None:
        """Write it down."""
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> History:
        """Read what `save` wrote."""
        content = json.loads(path.read_text())
        history = cls()
        for each in content["operations"]:
            each["state"] = _state(each["state"])
            each["states"] = [State(**state) for state in each["states"]]
            history.operations.append(Operation(**each))
        for each in content["watches"]:
            each["batches"] = [
                (reached, [_change(change) for change in changes])
                for reached, changes in each["batches"]
            ]
            history.watches.append(Watched(**each))
        return history


def shown(record: Record[bytes] | None) -> State | None:
    """Return a record as it is noted."""
    if record is None:
        return None
    return State(record.key, record.value.decode(), record.revision, record.created)


def told(event: Event[bytes]) -> Change:
    """Return an event as it is noted."""
    return Change(event.key, event.revision, shown(event.record), shown(event.previous))


def _state(content: dict[str, Any] | None) -> State | None:
    return None if content is None else State(**content)


def _change(content: dict[str, Any]) -> Change:
    states = {name: _state(content[name]) for name in ("state", "previous")}
    return Change(content["key"], content["revision"], **states)
