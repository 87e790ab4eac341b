"""RoleBinding."""

from __future__ import annotations

from apiserver.resources.builtin.rbac.bindings import BindingStrategy, binding_printer


class RoleBindingStrategy(BindingStrategy):
    """A RoleBinding grants a Role or a ClusterRole within its namespace."""

    role_kinds = ("Role", "ClusterRole")
    printer = binding_printer("RoleBinding", "roleBinding")


STRATEGY = RoleBindingStrategy
