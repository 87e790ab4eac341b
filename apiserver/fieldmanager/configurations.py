"""Configurations of mutating policies: they are merged as by server-side apply, without owners.

An atomic list or object cannot be changed: all of it would be replaced, which is seldom meant
(KEP-3962).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apiserver.fieldmanager.atoms import Atom
from apiserver.fieldmanager.errors import AtomicChange, UntypedObject
from apiserver.fieldmanager.merging import merge
from apiserver.fieldmanager.validating import check


def merge_configuration(live: Any, configuration: Any, atom: Atom) -> Any:
    """Return a live object after a configuration was merged into it.

    Raises UntypedObject, or AtomicChange.
    """
    try:
        check(configuration, atom)
    except UntypedObject as error:
        prefix = "failed to convert patch object to typed object: "
        raise UntypedObject(error.mismatches, prefix) from error
    paths = list(_atomic(configuration, atom, ""))
    if paths:
        raise AtomicChange(paths)
    try:
        return merge(live, configuration, atom)
    except UntypedObject as error:
        raise UntypedObject(error.mismatches, "failed to merge patch: ") from error


def _atomic(value: Any, atom: Atom, path: str) -> Iterator[str]:
    """Yield the paths of atomic values; undeclared fields are not examined."""
    kind = type(value)
    if kind is dict and atom.object is not None:
        if atom.object.atomic:
            yield path
        for name, member in value.items():
            declared = atom.object.members.get(name)
            if declared is not None:
                yield from _atomic(member, declared.atom, f"{path}.{name}")
    elif kind is list and atom.list is not None:
        if atom.list.atomic:
            yield path
        for place, item in enumerate(value):
            yield from _atomic(item, atom.list.items, f"{path}[{place}]")
