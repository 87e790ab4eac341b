"""ParamAccessCheck: the author of a policy or binding must be able to read its parameters.

Not an admission plugin of Kubernetes, and not to be disabled: there it is part of the storage of
policies and bindings. Exempt is the group system:masters.
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.access.admission.policies.policy_dependencies import ServedKinds
from apiserver.access.authorization.authorizer import AuthorizationAttributes, Authorizer, Verdict
from apiserver.client.client import Reader
from apiserver.machinery.errors import Invalid
from apiserver.machinery.fielderrors import forbidden
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource, parse_api_version
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import go_value
from apiserver.machinery.users import MASTERS, UserInfo

_GROUP: Final = "admissionregistration.k8s.io"
#: Policies by their bindings.
_POLICIES: Final = {
    f"{sort}admissionpolicybindings": f"{sort}admissionpolicies"
    for sort in ("validating", "mutating")
}
_ANY: Final = "*"


class ParamAccessCheck:
    """Refuses policies and bindings whose author cannot read the parameters."""

    name = "ParamAccessCheck"

    def __init__(self, authorizer: Authorizer, kinds: ServedKinds) -> None:
        self._authorizer = authorizer
        self._kinds = kinds

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        known = resource.resource in _POLICIES or resource.resource in _POLICIES.values()
        return (
            resource.group == _GROUP and known and operation in (CREATE, UPDATE) and not subresource
        )

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        if MASTERS in attributes.user.groups:
            return
        document, old = attributes.object, attributes.old_object
        assert document is not None
        if attributes.gvr.resource in _POLICIES:
            await self._check_binding(attributes, document["spec"], reader)
        else:
            before = None if old is None else old["spec"].get("paramKind")
            await self._check_policy(attributes, document["spec"], before)

    async def _check_policy(
        self, attributes: AdmissionAttributes, spec: Object, before: Any
    ) -> None:
        kind = spec.get("paramKind")
        if kind is None or kind == before:
            return
        if not await self._can_read(attributes.user, kind, _ANY, _ANY):
            shown = f"kind={kind.get('kind', '')}, apiVersion={kind.get('apiVersion', '')}"
            raise _refusal(
                attributes,
                "spec.paramKind",
                f'user {_shown(attributes.user)} must have "get" permission on all objects of '
                f"the referenced paramKind ({shown})",
            )

    async def _check_binding(
        self, attributes: AdmissionAttributes, spec: Object, reader: Reader
    ) -> None:
        reference = spec.get("paramRef")
        if reference is None:
            return
        plural = _POLICIES[attributes.gvr.resource]
        policies = GroupVersionResource(_GROUP, attributes.gvr.version, plural)
        policy = reader.get(policies, "", spec.get("policyName") or "")
        kind = None if policy is None else policy["spec"].get("paramKind")
        namespace, name = reference.get("namespace") or "", reference.get("name") or ""
        if not await self._can_read(attributes.user, kind, namespace, name):
            raise _refusal(
                attributes,
                "spec.paramRef",
                f'user {_shown(attributes.user)} does not have "get" permission on the object '
                "referenced by paramRef",
            )

    async def _can_read(
        self, user: UserInfo, kind: Object | None, namespace: str, name: str
    ) -> bool:
        """Return whether a user can read parameters; of an unknown kind: anything."""
        group = version = resource = _ANY
        if kind is not None:
            group, version = parse_api_version(kind.get("apiVersion") or "")
            named = GroupVersionKind(group, version, kind.get("kind") or "")
            found = self._kinds.param_resource(named)
            resource = _ANY if found is None else found.resource.resource
        asked = AuthorizationAttributes(
            user,
            "get",
            path="",
            is_resource_request=True,
            group=group,
            version=version,
            resource=resource,
            namespace=namespace,
            name=name,
        )
        return (await self._authorizer.authorize(asked)).verdict is Verdict.ALLOW


def _refusal(attributes: AdmissionAttributes, path: str, text: str) -> Invalid:
    return Invalid.of(attributes.gvk, attributes.name, [forbidden(path, text)])


def _shown(user: UserInfo) -> str:
    """Return a user as Go prints it."""
    extra = {key: list(values) for key, values in user.extra.items()}
    return f"&{{{user.name} {user.uid} {go_value(list(user.groups))} {go_value(extra)}}}"
