"""Strategy: what a kind does, where it does anything that its types do not say.

The hooks have Kubernetes' names in Python's spelling. They are synchronous and pure: no I/O, no
state. ``default`` fills in a document that is the caller's own, in place; every other hook is given
objects that others may share, so it returns a new one, copied along the path that it changes.

A write calls them in this order::

    create    default, (admission), allocate, prepare_for_create, validate, warnings_on_create
    update    default, (admission), Update.allocate, Update.prepare, Update.validate,
              Update.warnings

where the `Update` is that of the path: of the main resource, of ``status`` or of another
subresource that takes and returns the whole object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.names import dns1123_subdomain_problems
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.users import UserInfo
from apiserver.resources.allocation import NOTHING, Allocation, AllocationView
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.printing import Printer
from apiserver.resources.scaling import Scaling
from apiserver.schema.kindtypes import Types

_METADATA_FIELDS = ("metadata.name", "metadata.namespace")

#: What deleting does to dependents when the client does not say.
ORPHAN, DELETE_DEPENDENTS, UNSUPPORTED = "Orphan", "DeleteDependents", "Unsupported"
#: The finalizers of an object whose dependents are freed, or go, before it does.
ORPHAN_FINALIZER, FOREGROUND_FINALIZER = "orphan", "foregroundDeletion"
#: How a kind looks at metadata: at that of the new object as such, or at its change.
WHOLE, CHANGE = "whole", "change"


def _no_warnings(document: Object, old: Object) -> list[str]:
    return []


@dataclass(frozen=True, slots=True)
class Update:
    """How one path changes an object; each is given the desired object and the old one."""

    prepare: Callable[[Object, Object], Object]
    validate: Callable[[Object, Object], list[FieldError]]
    warnings: Callable[[Object, Object], list[str]] = _no_warnings
    #: What the kind checks of the metadata beyond what is checked of every kind, in order.
    metadata_checks: tuple[str, ...] = (CHANGE,)
    #: Whether a write to the path may take or free what the kind allocates.
    allocates: bool = False


class Strategy:
    """The behaviour of a kind without behaviour of its own."""

    #: Fields to select by, beside name and namespace.
    fields: Mapping[str, Callable[[Object], str]] = {}
    #: What keeps a text from being a name.
    name_problems: Callable[[str], list[str]] = staticmethod(dns1123_subdomain_problems)
    #: Whether an object without a name, or the prefix of one, gets a UUID as its name.
    names_the_nameless = False
    #: Whether PUT of an object that is not there creates it.
    allow_create_on_update = False
    #: Whether PUT without a resourceVersion overwrites whatever is there.
    allow_unconditional_update = True
    #: Whether DELETE answers with the object; the others answer with a Status.
    returns_deleted_object = False
    #: Whether the first DELETE only marks objects, by `mark_for_deletion`, whatever holds them.
    marks_before_deletion = False
    #: What becomes of dependents by default.
    default_garbage_collection_policy = DELETE_DEPENDENTS
    #: The members that count as the object's intent: it begins with generation 1, which grows
    #: whenever one of them changes. None: objects have no generation.
    generation_of: tuple[str, ...] = ()
    #: Whether the kind has rules for the metadata of new objects; names are paths where not.
    metadata_checks_on_create = True
    #: What the kind checks of the metadata on an update of the main resource, in order.
    metadata_checks: tuple[str, ...] = (CHANGE, WHOLE)
    #: Whether the prefix of a generated name must be one for the kind.
    checks_generate_name = True
    #: Whether finalizers that Kubernetes does not know need the name of a domain.
    qualifies_finalizers = True
    #: What a write to a path (``""`` or a subresource) does not own, nor anything below it, as
    #: FieldsV1; the status of the object itself and the spec of its status go without saying.
    reset_fields: Mapping[str, Mapping[str, Any]] = {}
    #: All that a write to a path can own, as FieldsV1 in which ``*`` fits every element.
    owned_fields: Mapping[str, Mapping[str, Any]] = {}
    #: What every client of the kind is warned of.
    deprecation = ""
    #: How objects are scaled, where they have that subresource.
    scale: Scaling | None = None
    #: Whether objects are given something of what all share, as `allocate` says.
    allocates = False
    #: How ``kubectl get`` shows objects; ``None``: by name and age.
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

    def update_of(self, subresource: str) -> Update:
        """Return how a path changes an object.

        A subresource without rules of its own (scale) changes the object itself.
        """
        return self.updates.get(subresource) or self.updates[""]

    # What happens to a document before anybody looks at it.

    def default(self, document: Object) -> None:
        """Fill in, in place, what the client left out."""

    # Create.

    def with_requester(self, document: Object, user: UserInfo) -> Object:
        """Write down who asks, where the kind keeps that."""
        return document

    def allocate(
        self, document: Object, old: Object | None, view: AllocationView
    ) -> tuple[Object, Allocation]:
        """Give a new object, or the change of ``old``, what it needs of what all share.

        Returns the object with that, and what the write takes and frees. Raises StatusError where
        it cannot be had; that is said alone, before anything else that is wrong.
        """
        return document, NOTHING

    def release(self, document: Object, view: AllocationView) -> Allocation:
        """Return what an object frees when it goes."""
        return NOTHING

    def prepare_for_create(self, document: Object) -> Object:
        """Take away what a client may not set on create."""
        if self.has_status and "status" in document:
            return {**document, "status": self.types.empty().get("status", {})}
        return document

    def validate(self, document: Object) -> list[FieldError]:
        """Return every rule of the kind that an object breaks."""
        return []

    def warnings_on_create(self, document: Object) -> list[str]:
        """Return what to tell a client that is not wrong enough to be refused."""
        return []

    # Update of the main resource.

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        """Bring back what an update of the main resource may not change."""
        return keeping(document, old, "status") if self.has_status else document

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        """Return every rule of the kind that a change breaks."""
        return self.validate(document)

    def warnings_on_update(self, document: Object, old: Object) -> list[str]:
        """Return what to tell a client that is not wrong enough to be refused."""
        return self.warnings_on_create(document)

    # Update of the status.

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        """Bring back what an update of the status may not change: all but status and metadata."""
        kept = {**old, "metadata": document["metadata"]}
        kept.pop("status", None)
        if "status" in document:
            kept["status"] = document["status"]
        return kept

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        """Return every rule of the kind that a change of the status breaks."""
        return []

    def warnings_on_status_update(self, document: Object, old: Object) -> list[str]:
        """Return what to tell a client that is not wrong enough to be refused."""
        return []

    # Delete.

    def deletion_refusal(self, name: str) -> str:
        """Return why the object of a name must never be deleted, ``""`` where it may be."""
        return ""

    def warnings_on_delete(self, options: DeleteOptions) -> list[str]:
        """Return what to tell a client that deletes with these options."""
        return []

    def mark_for_deletion(self, existing: Object, options: DeleteOptions) -> Object:
        """Return an object as a first DELETE that only marks leaves it, but for the time."""
        return existing

    def is_held(self, document: Object) -> bool:
        """Tell whether something of the kind's own keeps an object that is being deleted."""
        return False

    def graceful_period(self, existing: Object, asked: int | None) -> int | None:
        """Return for how many seconds an object lives on when it is deleted.

        ``asked`` is what the client wants; ``None``: the kind knows no grace.
        """
        return None

    # Reading.

    def selects_by(self, field: str) -> bool:
        """Tell whether a field selector may name ``field``."""
        if field == "metadata.namespace" and self.fields:
            return self.definition.namespaced
        return field in _METADATA_FIELDS or field in self.fields

    def unknown_field(self, field: str) -> str:
        """Return the refusal of a field selector."""
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
    """Return ``document`` with top-level members as they are in ``old``, absent where they are."""
    kept: dict[str, Any] = {key: value for key, value in document.items() if key not in members}
    for member in members:
        if member in old:
            kept[member] = old[member]
    return kept


def with_metadata_of(document: Object, old: Object) -> Object:
    """Return ``document`` with the metadata that clients set as it is in ``old``.

    For kinds whose status is written without it.
    """
    metadata, before = document["metadata"], old["metadata"]
    kept = {key: value for key, value in metadata.items() if key not in _CLIENTS_METADATA}
    kept.update({key: before[key] for key in _CLIENTS_METADATA if key in before})
    return {**document, "metadata": kept}


_CLIENTS_METADATA = ("labels", "annotations", "finalizers", "ownerReferences")
