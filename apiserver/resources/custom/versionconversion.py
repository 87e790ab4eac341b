"""Conversion between the versions of a custom kind.

An object that is read from the store is first brought into the form of the version in which it was
stored: it is pruned, and gets the defaults of that version. Then, if another version is served, it
is converted, and pruned by the schema of that version. It gets no defaults there until it is
written. With the strategy ``None`` only the apiVersion changes. See "Versions in
CustomResourceDefinitions" in the documentation of Kubernetes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from apiserver.machinery.objects import Object
from apiserver.resources.conversion import Conversion
from apiserver.schema.kindtypes import Convert, Inconvertible
from apiserver.schema.structuraltypes import StructuralTypes

_WEBHOOK: Final = "Webhook"

#: The types of all versions of a kind, by apiVersion.
VersionTypes: TypeAlias = Mapping[str, StructuralTypes]


def conversion_strategy(crd: Object) -> Convert:
    """Return the conversion that a CustomResourceDefinition declares."""
    declared = crd["spec"].get("conversion") or {}
    return _refuse if declared.get("strategy") == _WEBHOOK else _rename


def _rename(document: Object, api_version: str) -> Object:
    return {**document, "apiVersion": api_version}


def _refuse(document: Object, api_version: str) -> Object:
    raise Inconvertible(
        f"conversion webhook for {document['apiVersion']}, Kind={document['kind']} failed: "
        "webhooks cannot be called"
    )


@dataclass(frozen=True, slots=True)
class VersionConversion:
    """Conversion between a served version and the stored one, given by their apiVersions.

    ``convert`` is the strategy of the kind.
    """

    versions: VersionTypes
    convert: Convert
    served: str
    stored: str

    def both_ways(self) -> Conversion:
        """Return the conversion in the form that the layers above use."""
        return Conversion(self.to_stored, self.to_served)

    def to_stored(self, document: Object) -> Object:
        """Return an object as it is to be stored: itself, if the served version is stored."""
        return self._converted(document, self.served, self.stored)

    def to_served(self, document: Object) -> Object:
        """Return a stored object, itself if nothing changes. Raises Inconvertible."""
        found = document["apiVersion"]
        types = self.versions.get(found)
        if types is None:
            raise Inconvertible(f"request to convert CR from an invalid group/version: {found}")
        return self._converted(types.from_storage(document), found, self.served)

    def _converted(self, document: Object, before: str, after: str) -> Object:
        if before == after:
            return document
        return self.versions[after].pruned(self.convert(document, after))
