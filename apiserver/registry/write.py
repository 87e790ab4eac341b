"""The one path of every write.

A write begins with the record in memory and asks `Decide` what to make of it. The compare-and-swap
of the store protects what is written; what is *not* written (a refusal, a change that changes
nothing, a dry run) is answered only if the record that it was decided on is confirmed by a read
that began after the request came. So is a conflict decided anew, on the record that the store says
is there.

An object in a namespace is created only while the namespace is there: the write requires the
revision of the namespace that it saw.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.errors import StatusError
from apiserver.machinery.objects import Object
from apiserver.registry.codec import Stored, arrange
from apiserver.registry.context import RequestContext
from apiserver.registry.resource import Resource
from storage.errors import RevisionConflict, StorageError, ValueTooLarge
from storage.interface import ABSENT, Record

_MAX_ATTEMPTS = 1000


@dataclass(frozen=True, slots=True)
class Put:
    """Make the object be this; with the revisions of other keys that it takes for granted."""

    document: Object
    requires: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remove:
    """Make the object not be; ``document`` is its last state where it is not the stored one."""

    document: Object | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """Leave the object as it is."""


Outcome: TypeAlias = Put | Remove | Keep
Decide: TypeAlias = Callable[[Record[Stored] | None], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write: the object now, or as it last was."""

    stored: Stored
    created: bool = False
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """One change of one object. ``droppable``: it may lose its managedFields to fit the store."""

    resource: Resource
    context: RequestContext
    key: str
    verb: str
    dry_run: bool = False
    droppable: bool = False


async def write(change: Write, decide: Decide) -> Written:
    """Make of an object what ``decide`` wants, however many others are writing it.

    Raises StatusError: what ``decide`` raised of a confirmed record, or what the store refused.
    """
    try:
        return await _settle(change, decide)
    except StorageError as error:
        raise change.resource.failed(error, change.verb) from error


async def _settle(change: Write, decide: Decide) -> Written:
    current = change.resource.store.foremost(change.key)
    confirmed = False
    warnings = change.context.warnings
    told = len(warnings)
    for _ in range(_MAX_ATTEMPTS):
        # What an attempt has warned of is void when the object is looked at again.
        del warnings[told:]
        try:
            outcome = await decide(current)
        except StatusError:
            if confirmed:
                raise
            current, confirmed = await _confirm(change), True
            continue
        if not confirmed and (change.dry_run or not _changes(outcome, current)):
            current, confirmed = await _confirm(change), True
            continue
        try:
            return await _carry_out(change, outcome, current)
        except RevisionConflict as conflict:
            if conflict.key == change.key:
                current, confirmed = conflict.current, True
            else:
                change.context.outdated.add(conflict.key)
                current, confirmed = await _confirm(change), True
    raise change.resource.failed(
        StorageError("the object changes faster than it can be written"), change.verb
    )


async def _confirm(change: Write) -> Record[Stored] | None:
    store = change.resource.store
    if await store.refresh():
        return store.peek(change.key)
    return await store.get(change.key)


def _changes(outcome: Outcome, current: Record[Stored] | None) -> bool:
    match outcome:
        case Put(document):
            return current is None or not _same(document, current.value)
        case Remove():
            return True
        case Keep():
            return False


async def _carry_out(change: Write, outcome: Outcome, current: Record[Stored] | None) -> Written:
    match outcome:
        case Put(document, requires):
            if current is not None and _same(document, current.value):
                return Written(current.value)
            return await _put(change, document, requires, current)
        case Remove(document):
            assert current is not None
            return await _remove(change, document, current)
        case Keep():
            assert current is not None
            return Written(current.value)


async def _put(
    change: Write,
    document: Object,
    requires: Mapping[str, int],
    current: Record[Stored] | None,
) -> Written:
    created = current is None
    if change.dry_run:
        revision = current.revision if current is not None else 0
        return Written(_shown(change.key, document, revision), created=created)
    try:
        record = await _store(change, document, requires, current)
    except ValueTooLarge:
        if not change.droppable or "managedFields" not in document["metadata"]:
            raise
        # Better an object without owners than no object: KEP-555, "Managed fields size".
        metadata = {k: v for k, v in document["metadata"].items() if k != "managedFields"}
        record = await _store(change, {**document, "metadata": metadata}, requires, current)
    return Written(record.value, created=created)


async def _store(
    change: Write,
    document: Object,
    requires: Mapping[str, int],
    current: Record[Stored] | None,
) -> Record[Stored]:
    return await change.resource.store.put(
        change.key,
        document,  # type: ignore[arg-type]  # the codec takes what is to be stored as it is
        expected=current.revision if current is not None else ABSENT,
        ttl=change.resource.ttl,
        requires=requires,
    )


async def _remove(change: Write, document: Object | None, current: Record[Stored]) -> Written:
    last = current.value
    if not change.dry_run:
        record = await change.resource.store.delete(change.key, expected=current.revision)
        last = record.value
    if document is not None:
        last = _shown(change.key, document, current.revision)
    return Written(last, removed=True)


def _same(document: Object, stored: Stored) -> bool:
    return deep_equal(arrange(document), arrange(stored.object))


def _shown(key: str, document: Object, revision: int) -> Stored:
    arranged = arrange(document)
    if revision:
        arranged["metadata"] = {**arranged["metadata"], "resourceVersion": str(revision)}
    return Stored.preview(key, arranged, revision)
