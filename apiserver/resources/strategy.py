"""Strategy: the behaviour of a kind beyond its types.

The hooks have Kubernetes' names in Python's spelling. They are synchronous and pure: no I/O, no
state. ``default`` changes a document in place, which must belong to the caller. Every other hook
may receive shared objects, so it returns a new object, copied along the path that it changes.

A write calls them in this order::

    create    default, (admission), allocate, prepare_for_create, validate, warnings_on_create
    update    default, (admission), Update.allocate, Update.prepare, Update.validate,
              Update.warnings

where `Update` is that of the main resource, of ``status``, or of another subresource that takes and
returns the whole object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.names import dns1123_subdomain_problems
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.allocation import NOTHING, Allocation, AllocationView
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.printing import Printer
from apiserver.resources.scaling import Scaling
from apiserver.schema.kindtypes import Types

_METADATA_FIELDS = ("metadata.name", "metadata.namespace")

#: The default propagation policy of a deletion.
ORPHAN, DELETE_DEPENDENTS, UNSUPPORTED = "Orphan", "DeleteDependents", "Unsupported"
#: The finalizers of objects whose dependents are orphaned or deleted first.
ORPHAN_FINALIZER, FOREGROUND_FINALIZER = "orphan", "foregroundDeletion"
#: The metadata checks of a kind: of the new object alone, or of its change.
WHOLE, CHANGE = "whole", "change"


def _no_warnings(document: Object, old: Object) -> list[str]:
    return []


@valueclass
class Update:
    """The hooks of an update by one path; each takes the desired object and the old one."""

    prepare: Callable[[Object, Object], Object]
    validate: Callable[[Object, Object], list[FieldError]]
    warnings: Callable[[Object, Object], list[str]] = _no_warnings
    #: The metadata checks of the kind in addition to those of every kind, in order.
    metadata_checks: tuple[str, ...] = (CHANGE,)
    #: Whether a write to the path may allocate or release.
    allocates: bool = False


class Strategy:
    """The default behaviour of a kind; kinds with other behaviour inherit from this class."""

    #: The supported fields of field selectors, in addition to name and namespace.
    fields: Mapping[str, Callable[[Object], str]] = {}
    #: Returns the reasons why a text is not a valid name.
    name_problems: Callable[[str], list[str]] = staticmethod(dns1123_subdomain_problems)
    #: Whether an object with neither name nor generateName gets a UUID as its name.
    names_the_nameless = False
    #: Whether PUT creates an object that does not exist.
    allow_create_on_update = False
    #: Whether PUT without a resourceVersion overwrites the object unconditionally.
    allow_unconditional_update = True
    #: Whether DELETE returns the object instead of a Status.
    returns_deleted_object = False
    #: Whether the first DELETE only marks objects, by `mark_for_deletion`, even without finalizers.
    marks_before_deletion = False
    #: The default propagation policy for dependents.
    default_garbage_collection_policy = DELETE_DEPENDENTS
    #: The fields that the generation tracks: it starts at 1 and is incremented whenever one of
    #: them changes (see `generation_fields`). None: objects have no generation.
    generation_of: tuple[str, ...] = ()
    #: Whether the kind validates the metadata of new objects; if not, names are path segments.
    metadata_checks_on_create = True
    #: The metadata checks of the kind on an update of the main resource, in order.
    metadata_checks: tuple[str, ...] = (CHANGE, WHOLE)
    #: Whether generateName must be a valid name prefix for the kind.
    checks_generate_name = True
    #: Whether finalizers that Kubernetes does not know must have a domain name.
    qualifies_finalizers = True
    #: By path (``""`` or a subresource), the fields that a write does not own, with everything
    #: below them, as FieldsV1; in addition to the status for ``""`` and the spec for ``status``.
    reset_fields: Mapping[str, Mapping[str, Any]] = {}
    #: By path, the only fields that a write can own, as FieldsV1; ``*`` matches every element.
    owned_fields: Mapping[str, Mapping[str, Any]] = {}
    #: The deprecation warning of the kind, sent with every request.
    deprecation = ""
    #: Why no objects can be created at present, ``""`` if they can.
    creation_refusal = ""
    #: The `Scaling` of kinds with a ``scale`` subresource.
    scale: Scaling | None = None
    #: Whether the kind allocates shared resources in `allocate`.
    allocates = False
    #: Whether `validate_in_namespace` has rules.
    checks_namespace = False
    #: What the spec of a bookmark contains although clients may omit it: numbers that are not
    #: optional in Kubernetes' internal types.
    spec_of_bookmarks: Mapping[str, Any] = {}
    #: The annotations of a bookmark; in Kubernetes' internal types they are fields.
    annotations_of_bookmarks: Mapping[str, str] = {}
    #: The table of ``kubectl get``; ``None``: name and age.
    printer: Printer | None = None

    def __init__(self, definition: ResourceDefinition, types: Types) -> None:
        self.definition = definition
        self.types = types
        self.has_status = definition.subresource("status") is not None
        self.updates: dict[str, Update] = {
            "": Update(
                self.prepare_for_update,
                self.validate_update,
                self.warnings_on_update,
                self.metadata_checks,
                self.allocates,
            )
        }
        if self.has_status:
            self.updates["status"] = Update(
                self.prepare_for_status_update,
                self.validate_status_update,
                self.warnings_on_status_update,
            )

    @property
    def validates_slowly(self) -> bool:
        """Whether validation may take long even for small objects, as it does with expressions."""
        return False

    def update_of(self, subresource: str) -> Update:
        """Return the hooks of an update by a path.

        A subresource without its own hooks (scale) uses those of the main resource.
        """
        return self.updates.get(subresource) or self.updates[""]

    # Defaulting, before admission and validation.

    def default(self, document: Object) -> None:
        """Set the defaults of the document, in place."""

    # Create.

    def with_requester(self, document: Object, user: UserInfo) -> Object:
        """Record the requesting user, for kinds that store it."""
        return document

    def allocate(
        self, document: Object, old: Object | None, view: AllocationView
    ) -> tuple[Object, Allocation]:
        """Allocate shared resources for a new object, or for the update of ``old``.

        Returns the object with the allocated values, and the allocation. Raises StatusError if
        the allocation fails; no other errors are reported then.
        """
        return document, NOTHING

    def release(self, document: Object, view: AllocationView) -> Allocation:
        """Return what the deletion of an object releases."""
        return NOTHING

    def prepare_for_create(self, document: Object) -> Object:
        """Clear the fields that a client may not set on create."""
        if self.has_status and "status" in document:
            return {**document, "status": {**self._empty_status}}
        return document

    @cached_property
    def _empty_status(self) -> Object:
        status: Object = self.types.empty().get("status", {})
        return status

    def name_problems_of(self, document: Object) -> Callable[[str], list[str]]:
        """Return the `name_problems` of one object, for kinds whose names depend on it."""
        return self.name_problems

    def validate(self, document: Object) -> list[FieldError]:
        """Validate an object by the rules of the kind."""
        return []

    def validate_in_namespace(
        self, document: Object, old: Object | None, subresource: str, labels: Mapping[str, str]
    ) -> list[FieldError]:
        """Return every rule that an object breaks in a namespace with these labels.

        ``old`` is ``None`` for a new object. These errors precede those of `validate`.
        """
        return []

    def warnings_on_create(self, document: Object) -> list[str]:
        """Return the warnings about a valid object."""
        return []

    def generation_fields(self, document: Object, old: Object) -> Iterable[str]:
        """Return the top-level fields whose change increments the generation."""
        return self.generation_of

    # Update of the main resource.

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        """Restore the fields that an update of the main resource may not change."""
        return keeping(document, old, "status") if self.has_status else document

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        """Validate an update by the rules of the kind."""
        return self.validate(document)

    def warnings_on_update(self, document: Object, old: Object) -> list[str]:
        """Return the warnings about a valid update."""
        return self.warnings_on_create(document)

    # Update of the status.

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        """Restore everything but the status and the metadata."""
        kept = {**old, "metadata": document["metadata"]}
        kept.pop("status", None)
        if "status" in document:
            kept["status"] = document["status"]
        return kept

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        """Validate a status update by the rules of the kind."""
        return []

    def warnings_on_status_update(self, document: Object, old: Object) -> list[str]:
        """Return the warnings about a valid status update."""
        return []

    # Delete.

    def deletion_refusal(self, name: str) -> str:
        """Return why the object ``name`` must never be deleted, ``""`` if it may be."""
        return ""

    def warnings_on_delete(self, options: DeleteOptions) -> list[str]:
        """Return the warnings about a deletion with these options."""
        return []

    def mark_for_deletion(self, existing: Object, options: DeleteOptions) -> Object:
        """Return the object marked for deletion, without the deletionTimestamp."""
        return existing

    def blocks_removal(self, document: Object) -> bool:
        """Return whether a rule of the kind keeps an object that is being deleted."""
        return False

    def graceful_period(self, existing: Object, asked: int | None) -> int | None:
        """Return the grace period of a deletion in seconds, ``None`` if the kind has none.

        ``asked`` is the period that the client requests.
        """
        return None

    # Reading.

    def selects_by(self, field: str) -> bool:
        """Return whether a field selector may use ``field``."""
        if field == "metadata.namespace" and self.fields:
            return self.definition.namespaced
        return field in _METADATA_FIELDS or field in self.fields

    def unknown_field(self, field: str) -> str:
        """Return the error message for an unsupported field in a field selector."""
        if self.fields:
            return f"field label not supported: {field}"
        return (
            f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'
        )

    def field(self, document: Object, field: str) -> str:
        """Return the text of a selectable field."""
        if field == "metadata.name":
            return str(document["metadata"].get("name", ""))
        if field == "metadata.namespace":
            return str(document["metadata"].get("namespace", ""))
        return self.fields[field](document)


def keeping(document: Object, old: Object, *members: str) -> Object:
    """Return ``document`` with the given top-level fields of ``old``, absent if absent there."""
    kept: dict[str, Any] = {key: value for key, value in document.items() if key not in members}
    for member in members:
        if member in old:
            kept[member] = old[member]
    return kept


def with_metadata_of(document: Object, old: Object) -> Object:
    """Return ``document`` with the client-settable metadata of ``old``.

    For kinds whose status update does not write metadata.
    """
    metadata, before = document["metadata"], old["metadata"]
    kept = {key: value for key, value in metadata.items() if key not in _CLIENTS_METADATA}
    kept.update({key: before[key] for key in _CLIENTS_METADATA if key in before})
    return {**document, "metadata": kept}


_CLIENTS_METADATA = ("labels", "annotations", "finalizers", "ownerReferences")
