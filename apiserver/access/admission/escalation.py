"""EscalationCheck: users grant only rights that they have themselves, in roles and bindings.

Not an admission plugin of Kubernetes, and not to be disabled: there it is part of the storage of
roles and bindings. It comes after mutation and before validation. Exempt are system:masters, users
with the verb ``escalate`` on the role or ``bind`` on the role of a binding, and changes of nothing
but finalizers and owner references, which garbage collection needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.access.authorization.authorizer import AuthorizationAttributes, Authorizer, Verdict
from apiserver.access.authorization.coverage import (
    TooManyRights,
    count_rights,
    describe,
    missing_rules,
    quoted_list,
)
from apiserver.access.authorization.policy_rules import CompiledRules, PathProbe, Probe
from apiserver.access.authorization.rbac_authorizer import CLUSTER_ROLES, ROLES, aggregate
from apiserver.access.authorization.rbac_index import RBACIndex
from apiserver.client.client import Reader
from apiserver.machinery.equality import deep_equal
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.machinery.users import MASTERS

_GROUP: Final = "rbac.authorization.k8s.io"
_ROLES: Final = frozenset(["roles", "clusterroles"])
_BINDINGS: Final = frozenset(["rolebindings", "clusterrolebindings"])
#: The members of metadata that may change without a check.
_COLLECTED: Final = frozenset(
    ["finalizers", "ownerReferences", "managedFields", "resourceVersion", "generation"]
)
_EVERYTHING: Final[Sequence[Object]] = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)
#: More rights than these are compared in a thread.
_FEW: Final = 500


class EscalationCheck:
    """Refuses roles and bindings that grant more than their author has."""

    name = "RBACEscalationCheck"

    def __init__(self, authorizer: Authorizer, index: RBACIndex) -> None:
        self._authorizer = authorizer
        self._index = index

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return (
            resource.group == _GROUP
            and resource.resource in (_ROLES | _BINDINGS)
            and operation in (CREATE, UPDATE)
            and not subresource
        )

    async def mutate_async(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        """Raise Forbidden for a grant that exceeds the rights of the user; change nothing."""
        document, old = attributes.object, attributes.old_object
        assert document is not None
        if MASTERS in attributes.user.groups or (old is not None and _same(document, old)):
            return None
        if attributes.gvr.resource in _ROLES:
            await self._check_role(attributes, document, old)
        else:
            await self._check_binding(attributes, document, reader)
        return None

    async def _check_role(
        self, attributes: AdmissionAttributes, document: Object, old: Object | None
    ) -> None:
        # The name of an object to be created is not part of the request.
        name = attributes.name if old is not None else ""
        if await self._is_allowed(attributes, "escalate", attributes.gvr, name):
            return
        await self._confirm(attributes, document.get("rules") or ())
        aggregates = _aggregates(document) or (old is not None and _aggregates(old))
        if aggregates and await self._missing(attributes, _EVERYTHING):
            raise attributes.forbidden(
                "must have cluster-admin privileges to use the aggregationRule"
            )

    async def _check_binding(
        self, attributes: AdmissionAttributes, document: Object, reader: Reader
    ) -> None:
        role = document.get("roleRef") or {}
        resource = ROLES if role.get("kind") == "Role" else CLUSTER_ROLES
        name = role.get("name", "")
        if await self._is_allowed(attributes, "bind", resource, name):
            return
        namespace = attributes.namespace if resource is ROLES else ""
        found = reader.get(resource, namespace, name) if name else None
        if found is None:
            raise NotFound.of(attributes.group_resource, name)
        await self._confirm(attributes, found.get("rules") or ())

    async def _is_allowed(
        self, attributes: AdmissionAttributes, verb: str, role: GroupVersionResource, name: str
    ) -> bool:
        asked = AuthorizationAttributes(
            attributes.user,
            verb,
            path="",
            is_resource_request=True,
            group=role.group,
            version=role.version if verb == "escalate" else "*",
            resource=role.resource,
            namespace=attributes.namespace,
            name=name,
        )
        return (await self._authorizer.authorize(asked)).verdict is Verdict.ALLOW

    async def _confirm(self, attributes: AdmissionAttributes, rules: Sequence[Object]) -> None:
        user = attributes.user
        who = (
            f"user {quote(user.name)} (groups={quoted_list(user.groups)}) is attempting to grant "
            "RBAC permissions not currently held:"
        )
        try:
            missing = await self._missing(attributes, rules)
        except TooManyRights as error:
            raise attributes.forbidden(f"{who}\ntoo many to be compared") from error
        if not missing:
            return
        text = "\n".join([who, *missing])
        unknown = self._index.missing_roles(user, attributes.namespace)
        if unknown:
            text += f"; resolution errors: [{aggregate(unknown)}]"
        raise attributes.forbidden(text)

    async def _missing(self, attributes: AdmissionAttributes, rules: Sequence[Object]) -> list[str]:
        """Return the lines that list the missing rights of the user. Raises TooManyRights."""
        # The index may change while a thread compares; its current values do not.
        held = self._index.rules_of(attributes.user, attributes.namespace)
        if count_rights(rules) * len(held) <= _FEW:
            return _missing(rules, held)
        return await asyncio.to_thread(_missing, rules, held)


def _missing(rules: Sequence[Object], held: Sequence[CompiledRules]) -> list[str]:
    def covers(probe: Probe | PathProbe) -> bool:
        return any(each.covers(probe) for each in held)

    return describe(missing_rules(rules, covers))


def _aggregates(role: Object) -> bool:
    return bool((role.get("aggregationRule") or {}).get("clusterRoleSelectors"))


def _same(document: Object, old: Object) -> bool:
    return deep_equal(_checked(document), _checked(old))


def _checked(document: Object) -> Object:
    metadata = {k: v for k, v in document["metadata"].items() if k not in _COLLECTED}
    return {**document, "metadata": metadata}
