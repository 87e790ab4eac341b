"""Strategy: what a kind does, where it does anything that its layout does not say.

The hooks have Kubernetes' names in Python's spelling. They are synchronous and pure: they are given
objects and return new ones, and never change what they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.names import dns1123_subdomain_problems
from apiserver.machinery.objects import Object
from apiserver.resources.definition import ResourceDefinition
from apiserver.schema.layout import layout_of
from apiserver.schema.typed import canonicalise

_METADATA_FIELDS = ("metadata.name", "metadata.namespace")


class Strategy:
    """The behaviour of a kind without behaviour of its own."""

    #: Fields to select by, beside name and namespace.
    fields: Mapping[str, Callable[[Object], str]] = {}
    #: What keeps a text from being a name.
    name_problems: Callable[[str], list[str]] = staticmethod(dns1123_subdomain_problems)
    #: Whether PUT of an object that is not there creates it.
    allow_create_on_update = False
    #: Whether PUT without a resourceVersion overwrites whatever is there.
    allow_unconditional_update = True
    #: Whether DELETE answers with the object; the others answer with a Status.
    returns_deleted_object = False

    def __init__(self, definition: ResourceDefinition) -> None:
        self.definition = definition
        self.has_status = definition.subresource("status") is not None

    def default(self, document: Object) -> Object:
        """Fill in what the client left out."""
        return document

    def prepare_for_create(self, document: Object) -> Object:
        """Take away what a client may not set on create."""
        if self.has_status and "status" in document:
            return {**document, "status": {}}
        return document

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        """Bring back what an update of the main resource may not change."""
        return self._keeping(document, old, "status") if self.has_status else document

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        """Bring back what an update of the status may not change."""
        kept = {key: value for key, value in old.items() if key != "status"}
        if "status" in document:
            kept["status"] = document["status"]
        return kept

    def validate(self, document: Object) -> list[FieldError]:
        """Return every rule of the kind that an object breaks."""
        return []

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        """Return every rule of the kind that a change breaks."""
        return self.validate(document)

    def empty(self) -> Object:
        """Return an object with nothing set, but for what the kind always shows."""
        layout = layout_of(self.definition.api_version, self.definition.kind)
        if layout is None:
            return {}
        return canonicalise(layout, {}).object

    def check_delete(self, existing: Object) -> None:
        """Raise StatusError for an object that may not be deleted."""

    def selects_by(self, field: str) -> bool:
        """Tell whether a field selector may name ``field``."""
        return field in _METADATA_FIELDS or field in self.fields

    def unknown_field(self, field: str) -> str:
        """Return the refusal of a field selector."""
        return (
            f'"{field}" is not a known field selector: '
            'only "metadata.name", "metadata.namespace"'
        )

    def field(self, document: Object, field: str) -> str:
        """Return the text of a selectable field."""
        if field == "metadata.name":
            return str(document["metadata"].get("name", ""))
        if field == "metadata.namespace":
            return str(document["metadata"].get("namespace", ""))
        return self.fields[field](document)

    def _keeping(self, document: Object, old: Object, member: str) -> Object:
        kept: dict[str, Any] = {key: value for key, value in document.items() if key != member}
        if member in old:
            kept[member] = old[member]
        return kept
