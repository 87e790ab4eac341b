"""The dependencies of policies on the rest of the server."""

from __future__ import annotations

from typing import Protocol

from apiserver.access.admission.in_thread import InThread
from apiserver.access.admission.matching import ResourceVersion, ResourceVersions
from apiserver.access.authorization.authorizer import Authorizer
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass


@valueclass
class ParamResource:
    """The resource of a kind of parameters."""

    resource: GroupVersionResource
    namespaced: bool


class ConfigurationRefused(Exception):
    """A configuration cannot be merged into an object; the text is that of the API server."""


class ServedKinds(ResourceVersions, Protocol):
    """The kinds that are served, their versions, and their schemas."""

    def param_resource(self, kind: GroupVersionKind) -> ParamResource | None:
        """Return the resource of a kind, ``None`` if it is not served."""
        ...

    def merge(
        self, document: Object, configuration: Object, version: ResourceVersion, subresource: str
    ) -> Object:
        """Return an object after a configuration was merged into it, as by server-side apply.

        Raises ConfigurationRefused.
        """
        ...


@valueclass
class PolicyDependencies:
    """The authorizer, the thread pool, and the served kinds."""

    authorizer: Authorizer
    in_thread: InThread
    kinds: ServedKinds
