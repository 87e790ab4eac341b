"""The field manager of a kind: the policy of ownership, in the order of evaluation.

1. *Whose managedFields are used.* A client may overwrite managedFields, except through a
   subresource; entries that cannot be parsed are ignored. ``[]`` and ``[{}]`` reset ownership.
2. *Whether ownership is tracked.* An object without owners stays untracked until the first apply.
   Then the manager ``before-first-apply`` owns all its fields, so that the applier gets a conflict
   for each of them that it changes.
3. *The change itself*: see `ownership`.
4. *The limits*: see `managedfields`.

Documents are passed as they are served, with their defaults. `update` must get the object as the
client sent it, before admission or the strategy change it. Arguments are never mutated.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any, Final, cast

from apiserver.fieldmanager import fieldset, lastapplied, managedfields, ownership
from apiserver.fieldmanager.atoms import ATOMS, Atoms
from apiserver.fieldmanager.configurations import merge_configuration
from apiserver.fieldmanager.errors import (
    Conflicts,
    MalformedApply,
    MalformedManagedFields,
    UntypedObject,
)
from apiserver.fieldmanager.fieldset import FieldSet
from apiserver.fieldmanager.managers import Manager
from apiserver.fieldmanager.ownership import Applied, Owners, Scope, Versions, Write
from apiserver.fieldmanager.validating import check
from apiserver.machinery.empties import with_empty_members
from apiserver.machinery.objects import Object, metadata_of
from apiserver.schema.kindtypes import Types
from apiserver.schema.structural import Schema

_BEFORE_FIRST_APPLY: Final = "before-first-apply"

#: The schema of a kind that has none.
DEDUCED_SCHEMA: Final = Schema("object", preserve_unknown_fields=True)


class ExcludeFields:
    """Drops ``fields``, a FieldsV1 document, and all fields below them: they cannot be owned."""

    def __init__(self, fields: FieldSet) -> None:
        self.fields = fields

    def __call__(self, fields: FieldSet) -> FieldSet:
        """Return those of the fields that can be owned."""
        return fieldset.without(fields, self.fields)


class IncludeFields:
    """Keeps the fields on a pattern: only they can be owned; ``*`` matches every element."""

    def __init__(self, pattern: FieldSet) -> None:
        self.pattern = pattern

    def __call__(self, fields: FieldSet) -> FieldSet:
        """Return those of the fields that can be owned."""
        return fieldset.only(fields, self.pattern)


#: By subresource (``""`` for the object itself), then by apiVersion.
ResetFields = Mapping[str, Mapping[str, ExcludeFields | IncludeFields]]


class FieldManager:
    """Tracks the ownership of objects of one kind, in one version of the kind.

    ``types`` are the types of the version; they give access to the other versions of the kind.
    ``reset_fields`` lists the fields that a write of the object, or of one of its subresources,
    cannot own, because such a write does not change them.
    """

    def __init__(
        self, types: Types, *, reset_fields: ResetFields | None = None, atoms: Atoms = ATOMS
    ) -> None:
        self._types = types
        self._api_version = types.kind.api_version
        self._kind = types.kind.kind
        self._versions = Versions(types.versions, atoms)
        resets = reset_fields or {}
        self._scope = Scope(self._versions, self._api_version, resets.get("", {}))
        self._scopes = {
            subresource: Scope(self._versions, self._api_version, filters)
            for subresource, filters in resets.items()
        }

    @cached_property
    def _blank(self) -> Object:
        """The object that an apply which creates an object starts from."""
        return {"apiVersion": self._api_version, "kind": self._kind, **self._types.empty()}

    def update(
        self,
        existing: Object | None,
        desired: Object,
        *,
        manager: str,
        subresource: str = "",
        now: str,
    ) -> Object:
        """Return the object to store, with managedFields updated for this write.

        ``existing`` is ``None`` for a create. Never fails: a document that does not match its
        type, or in which an item has no key, loses its owners.
        """
        owners = _owners(existing, desired, subresource)
        if owners or existing is None:
            # The manager that creates an object owns the empty lists that it sent, although the
            # server returns them as null; in an update they are not a change.
            before = self._blank if existing is None else existing
            after = with_empty_members(desired) if existing is None else desired
            write = Write(Manager.updater(manager, self._api_version, subresource), now)
            owners = self._updated(owners, before, after, write)
        return managedfields.with_owners(desired, owners)

    def _updated(self, owners: Owners, before: Object, after: Object, write: Write) -> Owners:
        scope = self._seen_from(write.manager.subresource)
        try:
            if not owners and before is self._blank:
                return ownership.create(scope, before, after, write)
            owners = ownership.update(scope, owners, before, after, write)
        except UntypedObject:
            # The fields of an object that does not match its type have no known owners.
            return {}
        return managedfields.capped(owners)

    def apply(
        self,
        existing: Object | None,
        applied: Object,
        *,
        manager: str,
        force: bool = False,
        subresource: str = "",
        now: str,
    ) -> Object:
        """Return an object after applying a document to it, with its managedFields.

        The result is not yet canonical and has no defaults. It is ``existing`` itself if nothing
        changes, including the owners. Raises Conflicts, MalformedApply, UntypedObject and
        MalformedManagedFields.
        """
        stored = owners = self._decoded(existing)
        self._check_applicable(applied)
        live = self._blank if existing is None else existing
        if not owners:
            first = Manager.updater(_BEFORE_FIRST_APPLY, self._api_version, subresource)
            owners = self._updated(owners, self._blank, live, Write(first, now))
        write = Write(Manager.applier(manager, subresource), now)
        outcome = self._applied(owners, live, applied, write, force=force)
        document = outcome.document
        if manager == lastapplied.KUBECTL:
            document = lastapplied.synchronised(document, applied)
        if document is existing and outcome.owners == stored:
            return existing
        return managedfields.with_owners(document, outcome.owners)

    def merge(self, live: Object, configuration: Object) -> Object:
        """Return an object after a configuration without an owner was merged into it.

        The result is not yet canonical. Raises UntypedObject, or AtomicChange.
        """
        return cast(Object, merge_configuration(live, configuration, self._scope.atom))

    def _applied(
        self, owners: Owners, live: Object, applied: Object, write: Write, *, force: bool
    ) -> Applied:
        scope = self._seen_from(write.manager.subresource)
        apply = partial(ownership.apply, scope, owners, live, applied, write)
        try:
            return apply(force=force)
        except Conflicts as conflicts:
            if write.manager.name != lastapplied.KUBECTL:
                raise
            remaining = lastapplied.remaining(conflicts, live, self._api_version, scope.atom)
            if remaining is conflicts:
                raise
            if remaining is not None:
                raise remaining from conflicts
        return apply(force=True)

    def _seen_from(self, subresource: str) -> Scope:
        return self._scopes.get(subresource, self._scope) if subresource else self._scope

    def _decoded(self, existing: Object | None) -> Owners:
        try:
            return managedfields.decode(managedfields.of(existing))
        except MalformedManagedFields as error:
            raise MalformedManagedFields(f"failed to decode managed fields: {error}") from error

    def _check_applicable(self, applied: Object) -> None:
        api_version, kind = applied.get("apiVersion"), applied.get("kind")
        if (api_version, kind) != (self._api_version, self._kind):
            raise MalformedApply(f"invalid object type: {_described_type(api_version, kind)}")
        if isinstance(metadata_of(applied).get("managedFields"), list):
            raise MalformedApply("metadata.managedFields must be nil")
        try:
            check(applied, self._scope.atom)
        except UntypedObject as error:
            metadata = metadata_of(applied)
            name, namespace = metadata.get("name") or "", metadata.get("namespace") or ""
            described = _described_type(api_version, kind)
            raise error.of(f"patch object ({namespace}/{name}; {described})") from error


def _owners(existing: Object | None, desired: Object, subresource: str) -> Owners:
    """Return the owners before a write: those that the client sent, or the stored ones."""
    stored = managedfields.of(existing)
    given = None if subresource else metadata_of(desired).get("managedFields")
    if given is not None and given != stored:
        if managedfields.is_reset(given):
            return {}
        try:
            return managedfields.parse(given)
        except MalformedManagedFields:
            # The client is assumed not to know managedFields.
            pass
    try:
        return managedfields.decode(stored)
    except MalformedManagedFields:
        return {}


def _described_type(api_version: Any, kind: Any) -> str:
    group, _, version = str(api_version or "").rpartition("/")
    return f"{group}/{version}, Kind={kind or ''}"
