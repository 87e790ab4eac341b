"""Validation: a history is held against the log of what really happened, by named guarantee.

The log is what a watch of everything says at the end, from the beginning on. Every function returns
what is wrong, in words that begin with the name of the guarantee.

When something happened is known within bounds only: after it was called and before it returned. So
a read is right if there is a revision, no older than every change acknowledged before the read was
called and older than every change that was called after it returned, at which the state was what
the read said.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import attrgetter

from storage.interface import ABSENT
from tests.robustness.history import CONFLICT, OK, REFUSED, Change, History, Operation, State

_NEVER = 1 << 62
_revision = attrgetter("revision")


class Log:
    """Everything that happened, and the state at every revision."""

    def __init__(self, changes: Sequence[Change], first: int) -> None:
        self.changes = changes
        self.first = first
        self._of_keys: defaultdict[str, list[Change]] = defaultdict(list)
        for change in changes:
            self._of_keys[change.key].append(change)

    @property
    def keys(self) -> list[str]:
        """All keys that there ever were."""
        return sorted(self._of_keys)

    def at(self, key: str, revision: int) -> State | None:
        """Return the state of a key at a revision."""
        changes = self._of_keys[key]
        index = bisect_right(changes, revision, key=_revision)
        return changes[index - 1].state if index else None

    def change(self, key: str, revision: int) -> Change | None:
        """Return what happened to a key at a revision."""
        changes = self._of_keys[key]
        index = bisect_left(changes, revision, key=_revision)
        found = changes[index] if index < len(changes) else None
        return found if found is not None and found.revision == revision else None

    def states(self, key: str, earliest: int, latest: int) -> Iterator[State | None]:
        """Yield the states that a key had at some revision between the two, both included."""
        yield self.at(key, earliest)
        changes = self._of_keys[key]
        for change in changes[bisect_right(changes, earliest, key=_revision) :]:
            if change.revision > latest:
                return
            yield change.state

    def between(self, after: int, until: int) -> Sequence[Change]:
        """Return what happened after one revision up to another."""
        first = bisect_right(self.changes, after, key=_revision)
        return self.changes[first : bisect_right(self.changes, until, key=_revision)]


class Bounds:
    """Which revisions an operation may have seen, by the times of the changes around it."""

    def __init__(self, history: History, first: int) -> None:
        written = [each for each in history.operations if each.wrote and each.state]
        self._first = first
        ended = sorted((each.returned, _written(each)) for each in written)
        self._ended = [moment for moment, _ in ended]
        self._newest = list(_running_max(revision for _, revision in ended))
        begun = sorted(((each.called, _written(each)) for each in written), reverse=True)
        self._begun = [-moment for moment, _ in begun]
        self._oldest = [-each for each in _running_max(-revision for _, revision in begun)]

    def of(self, operation: Operation) -> tuple[int, int]:
        before = bisect_left(self._ended, operation.called)
        earliest = self._newest[before - 1] if before else self._first
        after = bisect_left(self._begun, -operation.returned)
        latest = self._oldest[after - 1] - 1 if after else _NEVER
        return max(earliest, self._first), latest


def validate(history: History, log: Log) -> list[str]:
    """Return all that is wrong with a history."""
    checks = (
        acknowledged,
        atomic,
        monotonic,
        linearizable,
        snapshot,
        ordered_unique_reliable,
    )
    return [problem for check in checks for problem in check(history, log)]


def acknowledged(history: History, log: Log) -> Iterator[str]:
    """What was acknowledged happened, at the revision that was said; what was refused did not."""
    values = {change.state.value for change in log.changes if change.state}
    for each in history.operations:
        if each.kind == "put" and each.outcome in (REFUSED, CONFLICT) and each.value in values:
            yield f"Acknowledged: {each.key}: {each.value} was refused, and written"
        if not each.wrote or each.state is None:
            continue
        change = log.change(each.key, each.state.revision)
        if change is None:
            yield f"Acknowledged: {each.kind} {each.key} at {each.state.revision} is lost"
        elif each.kind == "put" and change.state != each.state:
            yield f"Acknowledged: {each.key} at {each.state.revision} is {change.state}"
        elif each.kind == "delete" and change.state is not None:
            yield f"Acknowledged: {each.key} at {each.state.revision} was not deleted"


def atomic(history: History, log: Log) -> Iterator[str]:
    """A change was made on what was expected, once."""
    puts = {each.value: each for each in history.operations if each.kind == "put"}
    made: set[str] = set()
    for change in log.changes:
        before = change.previous.revision if change.previous else ABSENT
        if log.at(change.key, change.revision - 1) != change.previous:
            yield f"Atomic: {change.key} at {change.revision} replaced {change.previous}"
        if change.state is None:
            continue
        put = puts.get(change.state.value)
        if put is None:
            yield f"Atomic: nobody wrote {change.state}"
        elif put.expected != before:
            yield f"Atomic: {change.state} expected {put.expected} and replaced {before}"
        if change.state.value in made:
            yield f"Atomic: {change.state} was written twice"
        made.add(change.state.value)


def monotonic(history: History, log: Log) -> Iterator[str]:
    """Revisions grow with time and are given once."""
    revisions = [change.revision for change in log.changes]
    if revisions != sorted(set(revisions)):
        yield "Monotonic: the log gives a revision twice"
    newest = 0
    pending = sorted(
        (each for each in history.operations if each.wrote), key=attrgetter("returned")
    )
    index = 0
    for each in sorted(pending, key=attrgetter("called")):
        while pending[index].returned < each.called:
            newest = max(newest, _written(pending[index]))
            index += 1
        if _written(each) <= newest:
            yield f"Monotonic: {each.key} was given {_written(each)} after {newest}"


def linearizable(history: History, log: Log) -> Iterator[str]:
    """Reads and conflicts show a state that was there while they were asked for."""
    bounds = Bounds(history, log.first)
    for each in history.operations:
        read = each.kind == "get" and each.outcome == OK
        if not read and each.outcome != CONFLICT:
            continue
        earliest, latest = bounds.of(each)
        if each.state not in log.states(each.key, earliest, latest):
            yield (
                f"Linearizable: {each.kind} {each.key} by {each.client} showed {each.state}, "
                f"which was not there between {earliest} and {latest}"
            )


def snapshot(history: History, log: Log) -> Iterator[str]:
    """The pages of a list are the state at one revision, and a fresh one."""
    bounds = Bounds(history, log.first)
    for each in history.operations:
        if each.kind != "list" or each.outcome != OK:
            continue
        earliest, latest = bounds.of(each)
        if not earliest <= each.revision <= latest:
            yield (
                f"Linearizable: a list by {each.client} is of {each.revision}, "
                f"not between {earliest} and {latest}"
            )
        states = [log.at(key, each.revision) for key in log.keys]
        if each.states != [state for state in states if state is not None]:
            yield f"Snapshot: a list by {each.client} at {each.revision} is not the state then"


def ordered_unique_reliable(history: History, log: Log) -> Iterator[str]:
    """After every batch, a watch has said exactly what happened up to the batch's revision."""
    for watched in history.watches:
        reached = watched.after
        for revision, changes in watched.batches:
            # The first batch after a resumption is a bookmark where it resumed.
            if revision < reached:
                yield f"Bookmarkable: a watch by {watched.client} went back to {revision}"
            expected = list(log.between(reached, revision))
            if changes != expected:
                yield _difference(watched.client, changes, expected)
                break
            reached = max(reached, revision)


def _difference(client: str, changes: list[Change], expected: list[Change]) -> str:
    told, true = [each.revision for each in changes], [each.revision for each in expected]
    where = f"a watch by {client} said {told}, where {true} happened"
    if len(set(told)) < len(told) or set(told) - set(true):
        return f"Unique: {where}"
    if set(true) - set(told):
        return f"Reliable: {where}"
    if told != sorted(told):
        return f"Ordered: {where}"
    return f"Reliable: a watch by {client} told something else of {told}"


def _written(operation: Operation) -> int:
    return operation.state.revision if operation.state is not None else 0


def _running_max(numbers: Iterator[int] | Sequence[int]) -> Iterator[int]:
    greatest = -_NEVER
    for number in numbers:
        greatest = max(greatest, number)
        yield greatest
