"""Handlers of subresources and virtual resources that are not plain reads and writes of an object.

All other subresources read and write the object itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from apiserver.access.access import Access
from apiserver.endpoints.handlers.connect import ConnectHandlers
from apiserver.endpoints.handlers.create_virtual import Operation, ResourceHandler, create_virtual
from apiserver.endpoints.handlers.scale import scale
from apiserver.endpoints.proxy_headers import RequestHeaders
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.create_virtual import VirtualRequest
from apiserver.registry.registry import Registry
from apiserver.registry.resource import Resource
from apiserver.registry.reviews.access_reviews import AccessReviews
from apiserver.registry.reviews.authentication_reviews import TokenReviews, review_self
from apiserver.registry.subresources.binding import bind_pod
from apiserver.registry.subresources.eviction import evict_pod
from apiserver.registry.subresources.token import TokenRequests

_AUTHENTICATION, _AUTHORIZATION = "authentication.k8s.io", "authorization.k8s.io"


@valueclass
class SubresourceHandler:
    """The handler of a subresource; ``allows_subpath``: the path may continue after it."""

    handle: ResourceHandler
    allows_subpath: bool = False


def subresources(registry: Registry, access: Access) -> Mapping[str, SubresourceHandler]:
    """Return the subresources that have a handler of their own."""
    headers = RequestHeaders(access.authenticator.front_proxy_headers)
    connecting = ConnectHandlers(registry, access.authorizer, headers)
    tokens = TokenRequests(registry, access.tokens)
    return {
        "scale": SubresourceHandler(scale),
        "binding": SubresourceHandler(create_virtual(partial(_bind, registry))),
        "eviction": SubresourceHandler(create_virtual(partial(_evict, registry))),
        "token": SubresourceHandler(create_virtual(tokens.create)),
        "log": SubresourceHandler(connecting.log),
        "exec": SubresourceHandler(connecting.exec_),
        "attach": SubresourceHandler(connecting.attach),
        "portforward": SubresourceHandler(connecting.portforward),
        "proxy": SubresourceHandler(connecting.proxy, allows_subpath=True),
    }


def virtual_resources(
    registry: Registry, access: Access
) -> Mapping[GroupResource, ResourceHandler]:
    """Return the create handlers of virtual resources."""
    reviews = AccessReviews(access.authorizer)
    tokens = TokenReviews(access.authenticator)
    acts: dict[GroupResource, Operation] = {
        GroupResource("", "bindings"): partial(_bind, registry),
        GroupResource(_AUTHENTICATION, "selfsubjectreviews"): review_self,
        GroupResource(_AUTHENTICATION, "tokenreviews"): tokens.review,
        GroupResource(_AUTHORIZATION, "subjectaccessreviews"): reviews.review,
        GroupResource(_AUTHORIZATION, "localsubjectaccessreviews"): reviews.review_local,
        GroupResource(_AUTHORIZATION, "selfsubjectaccessreviews"): reviews.review_self,
        GroupResource(_AUTHORIZATION, "selfsubjectrulesreviews"): reviews.review_rules,
    }
    return {resource: create_virtual(act) for resource, act in acts.items()}


async def _bind(registry: Registry, request: VirtualRequest, document: Object) -> Object:
    return await bind_pod(_resource(registry, "", "v1", "pods"), request, document)


async def _evict(registry: Registry, request: VirtualRequest, document: Object) -> Object:
    budgets = _resource(registry, "policy", "v1", "poddisruptionbudgets")
    return await evict_pod(budgets, request, document)


def _resource(registry: Registry, group: str, version: str, plural: str) -> Resource:
    resource = registry.resource(group, version, plural)
    assert resource is not None
    return resource
