"""Conversion between the versions of a custom kind.

An object that is read from the store is first brought into the form of the version in which it was
stored: it is pruned, and gets the defaults of that version. Then, if another version is served, it
is converted, and pruned by the schema of that version. It gets no defaults there until it is
written. With the strategy ``None`` only the apiVersion changes; with the strategy ``Webhook`` a
webhook converts it (`apiserver.resources.custom.webhookconversion`). See "Versions in
CustomResourceDefinitions" in the documentation of Kubernetes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.conversion import Conversion
from apiserver.schema.kindtypes import Convert, DecodeError, Inconvertible
from apiserver.schema.structuraltypes import StructuralTypes

#: The types of all versions of a kind, by apiVersion.
VersionTypes: TypeAlias = Mapping[str, StructuralTypes]


def rename(document: Object, api_version: str) -> Object:
    """Return a document with another apiVersion: the conversion of the strategy ``None``."""
    return {**document, "apiVersion": api_version}


@valueclass
class VersionConversion:
    """Conversion between a served version and the stored one, given by their apiVersions.

    ``convert`` is the strategy of the kind. ``settled`` is as in `Conversion`.
    """

    versions: VersionTypes
    convert: Convert
    served: str
    stored: str
    settled: bool

    def both_ways(self) -> Conversion:
        """Return the conversion in the form that the layers above use."""
        return Conversion(self.to_stored, self.to_served, settled=self.settled)

    def to_stored(self, document: Object) -> Object:
        """Return an object as it is to be stored: itself, if the served version is stored."""
        return self._converted(document, self.stored)

    def to_served(self, document: Object) -> Object:
        """Return a stored object, itself if nothing changes. Raises Inconvertible."""
        return self._converted(self.read(document), self.served)

    def read(self, document: Object) -> Object:
        """Return a stored object in the form of its version. Raises Inconvertible."""
        found = document["apiVersion"]
        types = self.versions.get(found)
        if types is None:
            raise Inconvertible(f"request to convert CR from an invalid group/version: {found}")
        return types.from_storage(document)

    def pruned(self, document: Object) -> Object:
        """Return a converted object as its version specifies it. Raises Inconvertible."""
        try:
            return self.versions[document["apiVersion"]].pruned(document)
        except DecodeError as error:
            raise Inconvertible(str(error)) from error

    def _converted(self, document: Object, api_version: str) -> Object:
        if document["apiVersion"] == api_version:
            return document
        return self.pruned(self.convert(document, api_version))
