"""``metadata.managedFields``: conversion between the entries of an object and its owners.

An entry that a write does not change is written back unmodified. Entries are sorted: appliers
first, then older before newer, then by name.

An object keeps at most ten updaters. If there are more, the oldest ones of each version are merged
into one named ``ancient-changes``: the fields remain owned, the names of the managers are lost.
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.fieldmanager import fieldset
from apiserver.fieldmanager.elements import MalformedElement
from apiserver.fieldmanager.errors import MalformedManagedFields
from apiserver.fieldmanager.managers import APPLY, UPDATE, Manager
from apiserver.fieldmanager.ownership import Entry, Owners, entry
from apiserver.fieldmanager.typed import same
from apiserver.machinery.empties import made_of
from apiserver.machinery.objects import Object, metadata_of

MAX_UPDATERS: Final = 10
_ANCIENT: Final = "ancient-changes"
_FIELDS_TYPE: Final = "FieldsV1"


def of(document: Object | None) -> list[Entry]:
    """Return the managedFields of an object, an empty list for ``None``."""
    return metadata_of(document).get("managedFields") or [] if document is not None else []


def decode(entries: list[Entry]) -> Owners:
    """Return the owners in the entries of a stored object. Raises MalformedManagedFields."""
    owners: Owners = {}
    for place, held in enumerate(entries):
        operation = held.get("operation")
        if operation not in (UPDATE, APPLY):
            raise MalformedManagedFields("operation must be `Apply` or `Update`")
        api_version = held.get("apiVersion")
        if not api_version:
            raise MalformedManagedFields("apiVersion must not be empty")
        if held.get("fieldsType") != _FIELDS_TYPE:
            raise MalformedManagedFields(_fields_type_problem(held, place))
        version = api_version if operation == UPDATE else ""
        manager = Manager(
            held.get("manager") or "", operation, version, held.get("subresource") or ""
        )
        owners[manager] = held if "fieldsV1" in held else {**held, "fieldsV1": {}}
    return owners


def parse(entries: Any) -> Owners:
    """Return the owners in entries that a client sent. Raises MalformedManagedFields."""
    if not isinstance(entries, list) or not all(isinstance(held, dict) for held in entries):
        raise MalformedManagedFields("expected a list of entries")
    owners = decode(entries)
    try:
        return {
            manager: entry(
                manager,
                held["apiVersion"],
                held.get("time"),
                fieldset.parse({} if held["fieldsV1"] is None else held["fieldsV1"]),
            )
            for manager, held in owners.items()
        }
    except MalformedElement as error:
        raise MalformedManagedFields(f"error decoding set: {error}") from error


def _fields_type_problem(held: Entry, place: int) -> str:
    given = held.get("fieldsType")
    if not given:
        return f"missing fieldsType in managed fields entry {place}"
    return f'invalid fieldsType "{given}" in managed fields entry {place}'


def is_reset(entries: Any) -> bool:
    """Return whether a client requests that ownership is reset, by ``[]`` or ``[{}]``."""
    return isinstance(entries, list) and (not entries or entries == [{}])


def with_owners(document: Object, owners: Owners) -> Object:
    """Return an object with these owners in its managedFields."""
    metadata = dict(metadata_of(document))
    metadata.pop("managedFields", None)
    if owners:
        metadata["managedFields"] = encode(owners)
    return made_of(document, {**document, "metadata": metadata})


def encode(owners: Owners) -> list[Entry]:
    """Return the sorted entries of managedFields."""
    entries = list(owners.values())
    if len(entries) > 1:
        entries.sort(key=_order)
    return entries


def _order(held: Entry) -> tuple[str, str, str, str, str]:
    return (
        held["operation"],
        held.get("time") or "",
        held.get("manager") or "",
        held["apiVersion"],
        held.get("subresource") or "",
    )


def capped(owners: Owners) -> Owners:
    """Return the owners with the oldest updaters merged so that at most ten remain."""
    updaters = [manager for manager in owners if manager.operation == UPDATE]
    excess = len(updaters) - MAX_UPDATERS
    if excess <= 0:
        return owners
    updaters.sort(key=lambda manager: (owners[manager].get("time") or "", manager.sort_key))
    left = dict(owners)
    oldest: dict[str, Manager] = {}
    for manager in updaters:
        if excess <= 0:
            break
        version = manager.api_version
        first = oldest.setdefault(version, manager)
        if first is manager:
            continue
        bucket = Manager.updater(_ANCIENT, version)
        merged = left.pop(bucket if bucket in left else first)
        held = left.pop(first if manager == bucket else manager)
        fields = fieldset.union(held["fieldsV1"], merged["fieldsV1"])
        left[bucket] = entry(bucket, version, held.get("time"), fields)
        excess -= 1
    return left


def keep_times(existing: Object, desired: Object) -> Object:
    """Return the object to store, with the existing times if nothing else differs.

    A write that changes nothing must not become a change because its time is later.
    """
    before, after = of(existing), of(desired)
    if before == after or len(before) != len(after):
        return desired
    if not all(_same_but_for_time(*pair) for pair in zip(before, after, strict=True)):
        return desired
    old, new = metadata_of(existing), metadata_of(desired)
    version = {"resourceVersion": old["resourceVersion"]} if "resourceVersion" in old else {}
    kept = {**desired, "metadata": {**new, **version, "managedFields": before}}
    return kept if same(kept, existing) else desired


def _same_but_for_time(one: Entry, other: Entry) -> bool:
    return {**one, "time": ""} == {**other, "time": ""}
