"""RequestScope: the resource that a URL names."""

from __future__ import annotations

from dataclasses import dataclass

from apiserver.endpoints.http_request import HTTPRequest
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.registry.context import RequestContext
from apiserver.registry.resource import Resource
from apiserver.resources.definition import Subresource


@dataclass(frozen=True, slots=True)
class RequestScope:
    """A resource, or one of its subresources."""

    resource: Resource
    subresource: Subresource | None = None

    @property
    def kind(self) -> GroupVersionKind:
        """The kind that is read and written here."""
        if self.subresource is not None:
            return self.subresource.kind
        return self.resource.definition.gvk

    def context(self, request: HTTPRequest) -> RequestContext:
        """Return the registry's context for a request."""
        info = request.info
        return RequestContext(
            user=request.user,
            namespace=info.namespace if self.resource.definition.namespaced else "",
            name=info.name,
            subresource=info.subresource,
            user_agent=request.header("User-Agent"),
            warnings=request.warnings,
        )
