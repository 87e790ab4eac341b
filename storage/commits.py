"""Checks that every store makes on a commit, and the records of its events. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from storage.errors import TooManyKeys, ValueTooLarge
from storage.interface import MAX_KEYS, MAX_VALUE, Change, Event, Put, Record

V = TypeVar("V")


def check_keys(changes: Sequence[Change[V]], requires: Mapping[str, int]) -> None:
    """Raise ValueError or `TooManyKeys` for changes and requirements that no store accepts."""
    if len(changes) == 1:
        (change,) = changes
        if not requires or (len(requires) < MAX_KEYS and change.key not in requires):
            return
    expected = {change.key: change.expected for change in changes}
    if not expected:
        raise ValueError("a commit needs at least one change")
    if len(expected) < len(changes):
        raise ValueError("two changes of one commit have the same key")
    for key, revision in requires.items():
        if expected.get(key, revision) != revision:
            raise ValueError(f"{key} is required at {revision} and expected at {expected[key]}")
    count = len(changes) + len(requires)
    if count > MAX_KEYS:
        raise TooManyKeys(count, MAX_KEYS)


def check_size(changes: Sequence[Change[bytes]]) -> None:
    """Raise `ValueTooLarge` if the values together exceed `MAX_VALUE` bytes."""
    size = 0
    for change in changes:
        if type(change) is Put:
            size += len(change.value)
    if size > MAX_VALUE:
        raise too_large(changes)


def too_large(changes: Sequence[Change[bytes]]) -> ValueTooLarge:
    """Return the error for changes whose values are too large."""
    sizes = {change.key: len(change.value) for change in changes if isinstance(change, Put)}
    return ValueTooLarge(max(sizes, key=sizes.__getitem__), sum(sizes.values()), MAX_VALUE)


def record_of(event: Event[V]) -> Record[V]:
    """Return the record that `Store.commit` returns for the change that caused this event."""
    if event.record is not None:
        return event.record
    assert event.previous is not None
    last = event.previous
    return Record(event.key, last.value, event.revision, last.created)
