"""Ownership: the effect of a write on the fields of all managers.

An *update* has one rule. Its manager owns what it changed; other managers lose the fields whose
value has changed, and all managers lose fields that were removed. For example, Alice creates a
ConfigMap with ``data: {a: "1"}``; Bob updates ``a`` to ``"2"`` and adds ``b``. Bob now owns
``.data.a`` and ``.data.b``, Alice owns only ``.data``.

An *apply* states the complete intent of its manager. The manager owns all applied fields, whether
their values change or not, so a field has several owners while they agree on its value. The manager
gives up the fields that it applied last time and omits now; those left without an owner are removed
from the object. Changing the value of a field of another manager is a conflict, unless the request
is forced: then the other manager loses the field.

The fields of other managers are compared in the version of the kind that each of them used. A
manager whose version no longer exists owns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from apiserver.fieldmanager import fieldset, pruning
from apiserver.fieldmanager.atoms import Atom, Atoms
from apiserver.fieldmanager.errors import Conflicts, TypeMismatch, UntypedObject
from apiserver.fieldmanager.fieldset import EMPTY, LEAF, FieldSet
from apiserver.fieldmanager.managers import Manager
from apiserver.fieldmanager.merging import merge
from apiserver.fieldmanager.typed import Comparison, compare, created, same, to_set
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.schema.kindtypes import Inconvertible, KindVersions

#: An entry of managedFields, as stored in objects.
Entry: TypeAlias = dict[str, Any]
Owners: TypeAlias = dict[Manager, Entry]
Filter: TypeAlias = Callable[[FieldSet], FieldSet]

_NAMED = {"f:metadata": {"f:name": LEAF}}


class Versions:
    """The versions of one kind: the type of each, and conversion between them."""

    def __init__(self, versions: KindVersions, atoms: Atoms) -> None:
        self._types = versions.types
        self._convert = versions.convert
        self._atoms = atoms
        self._known: dict[str, Atom] = {}

    def atom(self, api_version: str) -> Atom | None:
        """Return the type of objects in a version, ``None`` if there is no such version."""
        known = self._known.get(api_version)
        if known is None:
            types = self._types.get(api_version)
            if types is None:
                return None
            known = self._known[api_version] = self._atoms.document(types.schema)
        return known

    def at(self, document: Object, api_version: str) -> Object:
        """Return a document converted to a version of its kind, which must exist.

        Raises UntypedObject if it cannot be converted.
        """
        if document.get("apiVersion", api_version) == api_version or self._convert is None:
            return document
        try:
            return self._convert(document, api_version)
        except Inconvertible as error:
            raise UntypedObject([TypeMismatch("", str(error))]) from error


@valueclass
class Scope:
    """How a write sees the kind: in which version, and which fields it can own.

    ``filters`` reduce a set, in each version, to the fields that can be owned.
    """

    versions: Versions
    api_version: str
    filters: Mapping[str, Filter] = field(default_factory=dict)

    @property
    def atom(self) -> Atom:
        """The type of the written object."""
        atom = self.versions.atom(self.api_version)
        if atom is None:
            raise LookupError(f"no schema of {self.api_version}")
        return atom

    def compare(self, before: Object, after: Object, api_version: str, atom: Atom) -> Comparison:
        """Compare two documents in a version, limited to the fields that the write can own."""
        at = self.versions.at
        comparison = compare(at(before, api_version), at(after, api_version), atom)
        keep = self.filters.get(api_version)
        return comparison if keep is None else comparison.filtered(keep)

    def owned(self, fields: FieldSet) -> FieldSet:
        """Return the fields that the write can own."""
        keep = self.filters.get(self.api_version)
        return fields if keep is None else keep(fields)


@dataclass(slots=True)
class _Change:
    """One change of an object, compared at most once in each version."""

    scope: Scope
    before: Object
    after: Object
    comparisons: dict[str, Comparison | None] = field(default_factory=dict)

    def seen_in(self, api_version: str) -> Comparison | None:
        """Return the comparison in a version, ``None`` if there is no such version."""
        if api_version not in self.comparisons:
            atom = self.scope.versions.atom(api_version)
            self.comparisons[api_version] = (
                None
                if atom is None
                else self.scope.compare(self.before, self.after, api_version, atom)
            )
        return self.comparisons[api_version]


@valueclass
class Write:
    """The manager and the time of a write."""

    manager: Manager
    time: str


def update(scope: Scope, owners: Owners, before: Object, after: Object, write: Write) -> Owners:
    """Return the owners after an object was changed. Raises UntypedObject."""
    change, manager = _Change(scope, before, after), write.manager
    own = change.seen_in(scope.api_version)
    assert own is not None
    others = reconciled(scope.versions, owners)
    previous = others.pop(manager, None)
    left = _lose(change, others)
    known = EMPTY if previous is None else previous["fieldsV1"]
    fields = fieldset.union(fieldset.difference(known, own.removed), own.written)
    if own.written:
        left[manager] = _entry(manager, scope.api_version, write.time, _ordered(fields, known))
    elif previous is not None and fields:
        left[manager] = {**previous, "fieldsV1": fields}
    return left


def create(scope: Scope, blank: Object, document: Object, write: Write) -> Owners:
    """Return the owners of a new object, with an empty one as its old state. Raises UntypedObject.

    The manager owns what `update` would give it, for less work.
    """
    manager = write.manager
    claimed = scope.owned(created(blank, document, scope.atom))
    if not claimed:
        return {}
    return {manager: _entry(manager, scope.api_version, write.time, claimed)}


@valueclass
class Applied:
    """The result of an apply request: the object, and its owners.

    ``document`` is the live document itself if nothing in it changes.
    """

    document: Object
    owners: Owners


def apply(
    scope: Scope, owners: Owners, live: Object, applied: Object, write: Write, *, force: bool
) -> Applied:
    """Apply a document to the live object. Raises Conflicts and UntypedObject."""
    manager = write.manager
    others = reconciled(scope.versions, owners)
    last = others.pop(manager, None)
    merged = merge(live, applied, scope.atom)
    claimed = scope.owned(to_set(applied, scope.atom))
    if last is not None:
        # A document with metadata has a name, which has no owner and stays. A manager that gives up
        # all of its metadata gives up the name as well, as in Kubernetes.
        kept = _NAMED if applied.get("metadata") is not None else EMPTY
        own_entry = _entry(manager, scope.api_version, None, fieldset.union(claimed, kept))
        merged = _prune(scope, merged, last, {**others, manager: own_entry})
    change = _Change(scope, live, merged)
    if not force:
        _check_conflicts(change, others)
    left = _lose(change, others)
    if claimed:
        time = write.time if merged is not live else (last or {}).get("time")
        known = EMPTY if last is None else last["fieldsV1"]
        left[manager] = _entry(manager, scope.api_version, time, _ordered(claimed, known))
    return Applied(merged, left)


def entry(manager: Manager, api_version: str, time: str | None, fields: FieldSet) -> Entry:
    """Return an entry of managedFields."""
    return _entry(manager, api_version, time, fieldset.ordered(fields))


def _ordered(fields: FieldSet, known: FieldSet) -> FieldSet:
    """Return fields in order; most writers write those again that they are known to own."""
    return known if fields == known else fieldset.ordered(fields)


def _entry(manager: Manager, api_version: str, time: str | None, fields: FieldSet) -> Entry:
    members: Entry = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": api_version,
    }
    if time:
        members["time"] = time
    members["fieldsType"] = "FieldsV1"
    members["fieldsV1"] = fields
    if manager.subresource:
        members["subresource"] = manager.subresource
    return members


def _check_conflicts(change: _Change, others: Owners) -> None:
    conflicts: dict[Manager, FieldSet] = {}
    for manager, owned in others.items():
        seen = change.seen_in(owned["apiVersion"])
        if seen is not None:
            disputed = fieldset.intersection(owned["fieldsV1"], seen.written)
            if disputed:
                conflicts[manager] = disputed
    if conflicts:
        raise Conflicts(conflicts)


def _lose(change: _Change, owners: Owners) -> Owners:
    """Return the remaining owners: other managers lose the fields that were written or removed."""
    left: Owners = {}
    for manager, owned in owners.items():
        seen = change.seen_in(owned["apiVersion"])
        if seen is None:
            continue
        fields = fieldset.difference(owned["fieldsV1"], seen.touched)
        if fields:
            left[manager] = owned if fields is owned["fieldsV1"] else {**owned, "fieldsV1": fields}
    return left


def _prune(scope: Scope, merged: Object, last: Entry, owners: Owners) -> Object:
    """Return a merged document without the fields that were given up and have no other owner."""
    versions, version = scope.versions, last["apiVersion"]
    atom, given_up = versions.atom(version), last["fieldsV1"]
    owned: dict[str, FieldSet] = {version: EMPTY}
    for held in owners.values():
        known = owned.get(held["apiVersion"], EMPTY)
        owned[held["apiVersion"]] = fieldset.union(known, held["fieldsV1"])
    if atom is None or not fieldset.difference(given_up, owned[version]):
        return merged
    document = versions.at(merged, version)
    left = pruning.remove(document, given_up, atom)
    for other, fields in owned.items():
        known_atom = versions.atom(other)
        if known_atom is None:
            continue
        whole = versions.at(document, other)
        kept = pruning.restore(whole, versions.at(left, other), fields, known_atom)
        left = versions.at(kept, version)
    pruned: Object = pruning.forget(document, left, given_up, atom)
    if pruned is document:
        return merged
    pruned = versions.at(pruned, scope.api_version)
    return merged if same(pruned, merged) else pruned


def reconciled(versions: Versions, owners: Owners) -> Owners:
    """Return owners whose fields match the current types.

    A value whose parts were owned separately and that is atomic now is owned as a whole.
    """
    left: Owners = {}
    for manager, owned in owners.items():
        atom = versions.atom(owned["apiVersion"])
        if atom is not None:
            fields = _fitted(owned["fieldsV1"], atom)
            left[manager] = owned if fields is owned["fieldsV1"] else {**owned, "fieldsV1": fields}
    return left


def _fitted(fields: FieldSet, atom: Atom) -> FieldSet:
    fitted = fields
    for element, node in fields.items():
        if not node:
            continue
        below = _below(atom, element)
        if below is None:
            continue
        now = LEAF if _is_atomic(below) else _fitted(node, below)
        if now is not node:
            if fitted is fields:
                fitted = dict(fields)
            fitted[element] = now
    return fitted


def _below(atom: Atom, element: str) -> Atom | None:
    if element[0] == "f":
        if atom.object is None:
            return None
        declared = atom.object.members.get(element[2:])
        return declared.atom if declared is not None else atom.object.values
    return atom.list.items if atom.list is not None else None


def _is_atomic(atom: Atom) -> bool:
    if atom.object is not None:
        return atom.object.atomic
    return atom.list is not None and not atom.scalar and atom.list.atomic
