"""ClusterRoleBinding."""

from __future__ import annotations

from apiserver.resources.builtin.rbac.bindings import BindingStrategy, binding_printer


class ClusterRoleBindingStrategy(BindingStrategy):
    """A ClusterRoleBinding grants a ClusterRole in the whole cluster."""

    role_kinds = ("ClusterRole",)
    printer = binding_printer("ClusterRoleBinding", "clusterRoleBinding")


STRATEGY = ClusterRoleBindingStrategy
