"""RequestScope: the resource that a URL names."""

from __future__ import annotations

from dataclasses import dataclass

from apiserver.access.admission.chain import drop_annotation
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.registry.context import RequestContext
from apiserver.registry.resource import Resource
from apiserver.resources.definition import Subresource
from apiserver.schema.kindtypes import Types


# Created for every request, so not frozen: frozen dataclasses are slower to create.
@dataclass(slots=True)
class RequestScope:
    """A resource, or one of its subresources."""

    resource: Resource
    subresource: Subresource | None = None

    @property
    def types(self) -> Types:
        """The types of the kind that is read and written here."""
        name = "" if self.subresource is None else self.subresource.name
        return self.resource.types_at(name)

    def context(self, request: HTTPRequest) -> RequestContext:
        """Return the registry's context for a request."""
        info, audit = request.info, request.audit
        return RequestContext(
            user=request.user,
            namespace=info.namespace if self.resource.definition.namespaced else "",
            name=info.name,
            subresource=info.subresource,
            user_agent=request.header("User-Agent"),
            warnings=request.warnings,
            size=request.content.total_bytes,
            annotate=drop_annotation if audit is None else audit.annotate,
            annotate_at_request_level=(
                drop_annotation if audit is None else audit.annotate_at_request_level
            ),
            deadline=request.deadline,
            cancellable=request.cancellable,
            authorize_create=request.authorize_create,
        )
