"""OwnerReferencesPermissionEnforcement: a change of owners needs the right to delete.

A changed owner lets the garbage collector delete an object; an owner that waits for its dependents
(``blockOwnerDeletion``) cannot be deleted before them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.access.admission.policies.policy_dependencies import ServedKinds
from apiserver.access.authorization.authorizer import (
    AuthorizationAttributes,
    AuthorizationDecision,
    Authorizer,
    Verdict,
)
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import PODS
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object, metadata_of
from apiserver.machinery.quoting import quote

_WRITES: Final = (CREATE, UPDATE)


class OwnerReferencesPermissionEnforcement:
    """Requires the permission to delete the object, and to set finalizers of blocked owners."""

    name = "OwnerReferencesPermissionEnforcement"

    def __init__(self, authorizer: Authorizer, kinds: ServedKinds) -> None:
        self._authorizer = authorizer
        self._kinds = kinds

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        # A status update of a Pod cannot change its owners.
        return operation in _WRITES and (resource, subresource) != (PODS, "status")

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        new, old = _owners(attributes.object), _owners(attributes.old_object)
        if new == old:
            return
        asked = _request(attributes)
        if attributes.operation != CREATE:
            decision = await self._authorizer.authorize(asked)
            if decision.verdict is not Verdict.ALLOW:
                raise attributes.forbidden(
                    f"cannot set an ownerRef on a resource you can't delete: {_shown(decision)}"
                )
        blocked_before = {owner.get("uid") for owner in old if owner.get("blockOwnerDeletion")}
        for owner in new:
            if owner.get("blockOwnerDeletion") and owner.get("uid") not in blocked_before:
                await self._check_owner(attributes, asked, owner)

    async def _check_owner(
        self, attributes: AdmissionAttributes, asked: AuthorizationAttributes, owner: Object
    ) -> None:
        api_version, kind = owner.get("apiVersion", ""), owner.get("kind", "")
        group, _, version = api_version.rpartition("/")
        found = self._kinds.param_resource(GroupVersionKind(group, version, kind))
        if found is None:
            raise attributes.forbidden(
                "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for "
                f"APIVersion {api_version} Kind {kind}: no matches for kind {quote(kind)} in "
                f"version {quote(api_version)}"
            )
        decision = await self._authorizer.authorize(
            replace(
                asked,
                verb="update",
                group=group,
                version=version,
                resource=found.resource.resource,
                subresource="finalizers",
                namespace=attributes.namespace if found.namespaced else "",
                name=owner.get("name", ""),
            )
        )
        if decision.verdict is not Verdict.ALLOW:
            raise attributes.forbidden(
                "cannot set blockOwnerDeletion if an ownerReference refers to a resource you "
                f"can't set finalizers on: {_shown(decision)}"
            )


def _owners(document: Object | None) -> list[dict[str, Any]]:
    return metadata_of(document or {}).get("ownerReferences") or []


def _request(attributes: AdmissionAttributes) -> AuthorizationAttributes:
    return AuthorizationAttributes(
        attributes.user,
        "delete",
        path="",
        is_resource_request=True,
        group=attributes.gvr.group,
        version=attributes.gvr.version,
        resource=attributes.gvr.resource,
        subresource=attributes.subresource,
        namespace=attributes.namespace,
        name=attributes.name,
    )


def _shown(decision: AuthorizationDecision) -> str:
    return f"{decision.reason}, {decision.error or '<nil>'}"
