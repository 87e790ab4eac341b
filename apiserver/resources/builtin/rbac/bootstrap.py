"""The default roles and bindings of a cluster."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass

GROUP: Final = "rbac.authorization.k8s.io"
AUTO_UPDATE: Final = "rbac.authorization.kubernetes.io/autoupdate"
_LABEL: Final = "kubernetes.io/bootstrapping"
_AGGREGATE: Final = "rbac.authorization.k8s.io/aggregate-to-"
_USER_FACING: Final = ("admin", "edit", "view")
_CONTROLLER: Final = "system:controller:"
_ACCOUNTS: Final = "kube-system"
_KINDS: Final = {"group": "Group", "user": "User"}


@valueclass
class BootstrapPolicy:
    """The default objects, by plural name of their resource."""

    clusterroles: Sequence[Object]
    clusterrolebindings: Sequence[Object]
    roles: Sequence[Object]
    rolebindings: Sequence[Object]


def bootstrap_policy() -> BootstrapPolicy:
    """Return the default roles and bindings."""
    text = Path(__file__).with_name("bootstrap_policy.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    aggregated, names = data["aggregated_to"], data["role_binding_names"]
    controllers = {
        f"{_CONTROLLER}{name}": rules for name, rules in data["controller_roles"].items()
    }
    cluster_roles = [_cluster_role(name, None, aggregated) for name in _USER_FACING]
    rules_by_name = {**data["cluster_roles"], **controllers}
    cluster_roles += [
        _cluster_role(name, rules, aggregated) for name, rules in rules_by_name.items()
    ]
    bound = {
        **data["cluster_role_bindings"],
        **{name: [f"account {name.removeprefix(_CONTROLLER)}"] for name in controllers},
    }
    return BootstrapPolicy(
        clusterroles=cluster_roles,
        clusterrolebindings=[
            _binding("ClusterRole", "", name, name, subjects) for name, subjects in bound.items()
        ],
        roles=[
            {**_object("Role", name, namespace), "rules": _rules(rules)}
            for namespace, roles in data["roles"].items()
            for name, rules in roles.items()
        ],
        rolebindings=[
            _binding("Role", namespace, names.get(namespace, {}).get(role, role), role, subjects)
            for namespace, bindings in data["role_bindings"].items()
            for role, subjects in bindings.items()
        ],
    )


def node_rules() -> Sequence[Object]:
    """Return the rules of the role system:node."""
    roles = bootstrap_policy().clusterroles
    rules: Sequence[Object] = next(
        role["rules"] for role in roles if role["metadata"]["name"] == "system:node"
    )
    return rules


def _object(kind: str, name: str, namespace: str = "") -> Object:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = {_LABEL: "rbac-defaults"}
    metadata["annotations"] = {AUTO_UPDATE: "true"}
    return {"kind": kind, "apiVersion": f"{GROUP}/v1", "metadata": metadata}


def _cluster_role(name: str, rules: Sequence[str] | None, aggregated: Mapping[str, str]) -> Object:
    role = _object("ClusterRole", name)
    if name in aggregated:
        role["metadata"]["labels"][f"{_AGGREGATE}{aggregated[name]}"] = "true"
    if rules is None:
        label = {f"{_AGGREGATE}{name}": "true"}
        role["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": label}]}
    # The rules of a role that gathers others are the work of a controller.
    return {**role, "rules": None if rules is None else _rules(rules)}


def _rules(texts: Sequence[str]) -> list[Object]:
    return [_rule(*(part.split() for part in text.split("|"))) for text in texts]


def _rule(
    verbs: list[str],
    groups_or_paths: list[str],
    resources: list[str] | None = None,
    names: list[str] | None = None,
) -> Object:
    if resources is None:
        return {"verbs": verbs, "nonResourceURLs": groups_or_paths}
    groups = ["" if group == "core" else group for group in groups_or_paths]
    rule: Object = {"verbs": verbs, "apiGroups": groups, "resources": resources}
    return {**rule, "resourceNames": names} if names else rule


def _binding(kind: str, namespace: str, name: str, role: str, subjects: Sequence[str]) -> Object:
    binding = _object(f"{kind}Binding", name, namespace)
    if subjects:
        binding["subjects"] = [_subject(*subject.split()) for subject in subjects]
    return {**binding, "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role}}


def _subject(kind: str, name: str) -> Object:
    if kind == "account":
        return {"kind": "ServiceAccount", "name": name, "namespace": _ACCOUNTS}
    return {"kind": _KINDS[kind], "apiGroup": GROUP, "name": name}
