"""RBACAuthorizer: allows what the bindings of a user allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from apiserver.access.authorization.authorizer import (
    NO_OPINION,
    AuthorizationAttributes,
    AuthorizationDecision,
    Verdict,
)
from apiserver.access.authorization.policy_rules import PathProbe, Probe
from apiserver.access.authorization.rbac_index import Binding, RBACIndex
from apiserver.access.authorization.resolved_rules import NonResourceRule, ResourceRule, Rules
from apiserver.client.client import Reader
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass

_GROUP, _VERSION = "rbac.authorization.k8s.io", "v1"
ROLES = GroupVersionResource(_GROUP, _VERSION, "roles")
CLUSTER_ROLES = GroupVersionResource(_GROUP, _VERSION, "clusterroles")


@valueclass
class RBACAuthorizer:
    """Decides by the roles and bindings of an index; ``reader`` has the rules as written."""

    index: RBACIndex
    reader: Reader

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        """Allow what a binding allows. Never deny: another authorizer may know more."""
        user = attributes.user
        missing: list[str] = []
        if attributes.is_resource_request:
            resource = attributes.resource
            if attributes.subresource:
                resource = f"{resource}/{attributes.subresource}"
            probe = Probe(attributes.verb, attributes.group, resource, attributes.name)
            binding = self.index.find(user, attributes.namespace, probe, missing)
        else:
            path = PathProbe(attributes.verb, attributes.path)
            binding = self.index.find(user, attributes.namespace, path, missing)
        if binding is not None:
            return binding.decision(user)
        if not missing:
            return NO_OPINION
        return AuthorizationDecision(Verdict.NO_OPINION, f"RBAC: {aggregate(missing)}")

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        """Return the rules of all roles of a user, as written."""
        resource_rules: list[ResourceRule] = []
        non_resource_rules: list[NonResourceRule] = []
        missing: list[str] = []
        bindings = {each.key: each for each in self.index.bindings_of(user, namespace)}
        for binding in bindings.values():
            role = self._role(binding)
            if role is None:
                missing.append(binding.missing_role)
                continue
            for rule in role.get("rules") or ():
                if rule.get("resources"):
                    resource_rules.append(_resource_rule(rule))
                if rule.get("nonResourceURLs"):
                    urls = tuple(rule["nonResourceURLs"])
                    non_resource_rules.append(NonResourceRule(tuple(rule.get("verbs", ())), urls))
        return Rules(resource_rules, non_resource_rules, errors=missing)

    def _role(self, binding: Binding) -> Object | None:
        namespace, name = binding.role
        return self.reader.get(ROLES if namespace else CLUSTER_ROLES, namespace, name)


def aggregate(errors: Iterable[str]) -> str:
    """Return several errors as one text, each once."""
    distinct: Sequence[str] = list(dict.fromkeys(errors))
    return distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]"


def _resource_rule(rule: Object) -> ResourceRule:
    return ResourceRule(
        tuple(rule.get("verbs") or ()),
        tuple(rule.get("apiGroups") or ()),
        tuple(rule["resources"]),
        tuple(rule.get("resourceNames") or ()),
    )
