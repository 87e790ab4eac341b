"""The scale subresource: one field of an object, written as a separate object.

An owner of ``.spec.replicas`` of a Deployment owns ``.spec.replicas`` of its Scale. The Scale gets
the entries of the object, reduced to that field; the entries after the write of the Scale are
merged back. A new manager of the Scale becomes an owner of the field in the object through the
subresource ``scale``; a manager that loses the field in the Scale loses it in the object.

``paths`` gives the path of the replicas in each version of the parent's kind, ``()`` for none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apiserver.fieldmanager import fieldset
from apiserver.fieldmanager.elements import member
from apiserver.fieldmanager.fieldset import Path
from apiserver.fieldmanager.managedfields import decode, encode
from apiserver.fieldmanager.ownership import Entry, Owners, entry

API_VERSION: Final = "autoscaling/v1"
_REPLICAS: Final = (member("spec"), member("replicas"))

#: The path of the replicas in most kinds.
SPEC_REPLICAS: Final[Path] = _REPLICAS


def to_scale(entries: list[Entry], paths: Mapping[str, Path]) -> list[Entry]:
    """Return the managedFields of a Scale. Raises MalformedManagedFields."""
    scale: Owners = {}
    for manager, held in decode(entries).items():
        path = paths.get(held["apiVersion"], ())
        if path and fieldset.has(held["fieldsV1"], path):
            fields = fieldset.of(_REPLICAS)
            scale[manager] = entry(manager, API_VERSION, held.get("time"), fields)
    return encode(scale)


def to_parent(
    entries: list[Entry], scale: list[Entry], api_version: str, paths: Mapping[str, Path]
) -> list[Entry]:
    """Return the managedFields of the object, given its own and those of its written Scale.

    New managers own the field in ``api_version``. Raises MalformedManagedFields.
    """
    owners, scalers = decode(entries), decode(scale)
    left: Owners = {}
    for manager, held in owners.items():
        path = paths.get(held["apiVersion"])
        if path is None:
            continue
        if not path or not fieldset.has(held["fieldsV1"], path):
            left[manager] = held
        elif manager in scalers:
            left[manager] = held
            del scalers[manager]
        else:
            fields = fieldset.difference(held["fieldsV1"], fieldset.of(path))
            if fields:
                left[manager] = {**held, "fieldsV1": fields}
    for manager, held in scalers.items():
        if fieldset.has(held["fieldsV1"], _REPLICAS):
            time = owners[manager].get("time") if manager in owners else None
            left[manager] = entry(manager, api_version, time, fieldset.of(paths[api_version]))
    return encode(left)
