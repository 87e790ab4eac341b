"""What servers promise their clients, held against the log of what really happened in the store.

What clients of stores and of servers are promised alike is validated as it is for stores. What is
different with servers:

A deletion is answered without its revision, so the log has to tell it (`dated`). A refusal shows
what was found and not which state it was; it is right if some state within its time deserves it. So
is a request that changed nothing, and one that was to be tried out only: such answers are worth as
much as the record that they were decided on. An event tells nothing of what was before, but that
there was something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from storage.interface import ABSENT
from tests.robustness import validation
from tests.robustness.history import OK, REFUSED, UNKNOWN, Change, History, Operation, State
from tests.robustness.servers.traffic import ANY, CHANGED, EXISTS, MISSING, SOMETHING
from tests.robustness.validation import Bounds, Log

_REFUSALS = (EXISTS, MISSING, CHANGED)


def validate(history: History, log: Log) -> list[str]:
    """Return all that is wrong with a history."""
    problems = list(dated(history, log))
    checks = (
        validation.acknowledged,
        atomic,
        traceless,
        validation.monotonic,
        validation.linearizable,
        decided,
        validation.snapshot,
    )
    problems += [problem for check in checks for problem in check(history, log)]
    shown = Log([as_told(change) for change in log.changes], log.first)
    problems += validation.ordered_unique_reliable(history, shown)
    return problems


def dated(history: History, log: Log) -> Iterator[str]:
    """Note when acknowledged deletions happened; those that did not are lost."""
    deletions = {
        (change.key, change.previous.revision): change
        for change in log.changes
        if change.state is None and change.previous is not None
    }
    for each in history.operations:
        if each.kind != "delete" or each.outcome != OK or each.state is not None:
            continue
        change = deletions.get((each.key, each.expected))
        if change is None:
            yield f"Acknowledged: the deletion of {each.key} at {each.expected} is lost"
            # It cannot be placed, so nothing else is said of it.
            each.outcome = REFUSED
        else:
            each.state = State(each.key, "", change.revision, 0)


def atomic(history: History, log: Log) -> Iterator[str]:
    """A change was made by a request that wanted it, on what it expected, once."""
    puts = {each.value: each for each in history.operations if each.kind == "put"}
    made: set[str] = set()
    for change in log.changes:
        if change.state is None:
            continue
        put = puts.get(change.state.value)
        if put is None:
            yield f"Atomic: nobody wrote {change.state}"
            continue
        if not _fits(change.previous, put.expected):
            yield f"Atomic: {change.state} expected {put.expected}, and replaced {change.previous}"
        if put.outcome in _REFUSALS:
            yield f"Atomic: {change.state} was refused, and written"
        if change.state.value in made:
            yield f"Atomic: {change.state} was written twice"
        if change.previous is not None and change.previous.created != change.state.created:
            yield f"Atomic: {change.state} has another uid than {change.previous}"
        made.add(change.state.value)


def traceless(history: History, log: Log) -> Iterator[str]:
    """What was tried out only, or changes nothing, is not in the log."""
    tried = {each.value for each in history.operations if each.kind == "dry-put"}
    wanted = {
        (each.key, each.expected)
        for each in history.operations
        if each.kind == "delete" and each.outcome in (OK, UNKNOWN)
    }
    for change in log.changes:
        if change.state is not None and change.state.value in tried:
            yield f"Traceless: a dry run left {change.state}"
        if change.state is None and change.previous is not None:
            at = (change.key, change.previous.revision)
            if at not in wanted:
                yield f"Traceless: nobody deleted {at}"


def decided(history: History, log: Log) -> Iterator[str]:
    """Refusals, dry runs and changes that change nothing are decided on a state of their time."""
    bounds = Bounds(history, log.first)
    for each in history.operations:
        if each.outcome in _REFUSALS or (
            each.outcome == OK and each.kind in ("same", "dry-put", "dry-delete")
        ):
            earliest, latest = bounds.of(each)
            if not any(_deserves(each, state) for state in log.states(each.key, earliest, latest)):
                yield (
                    f"Linearizable: {each.kind} {each.key} by {each.client} expecting "
                    f"{each.expected} was answered {each.outcome}, for which there was no reason "
                    f"between {earliest} and {latest}"
                )


def as_told(change: Change) -> Change:
    """Return a change of the log as the event of a watch tells it."""
    before = change.previous
    if change.state is not None:
        return replace(change, previous=None if before is None else SOMETHING)
    assert before is not None
    return replace(change, previous=replace(before, revision=change.revision))


def _deserves(operation: Operation, state: State | None) -> bool:
    match operation.outcome:
        case "AlreadyExists":
            return state is not None
        case "NotFound":
            return state is None
        case "Conflict":
            return state is not None and not _fits(state, operation.expected)
        case _:
            if operation.kind == "same":
                return state == operation.state
            return _fits(state, operation.expected)


def _fits(state: State | None, expected: int) -> bool:
    if expected == ANY:
        return state is not None
    return (ABSENT if state is None else state.revision) == expected
