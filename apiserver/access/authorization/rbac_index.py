"""RBACIndex: roles and bindings by subject, so that a request examines only those of its user.

It follows the stored objects (`apiserver.registry.rbac_reflectors`), so a request reads no store.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from apiserver.access.authorization.authorizer import AuthorizationDecision, Verdict
from apiserver.access.authorization.policy_rules import CompiledRules, PathProbe, Probe
from apiserver.machinery.objects import NamespacedName, Object
from apiserver.machinery.quoting import quote
from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass

_GROUP: Final = "rbac.authorization.k8s.io"


class Subject:
    """A subject of a binding: the user or the group that it stands for, and its description."""

    __slots__ = ("decision", "description", "group", "user")

    def __init__(self, user: str, group: str, description: str) -> None:
        self.user = user
        self.group = group
        self.description = description
        #: The decision to allow it something; made when it is first needed.
        self.decision: AuthorizationDecision | None = None


@valueclass
class Binding:
    """A RoleBinding or ClusterRoleBinding: the key of its role, and its subjects."""

    key: NamespacedName
    role: NamespacedName
    role_kind: str
    subjects: Sequence[Subject]

    def decision(self, user: UserInfo) -> AuthorizationDecision:
        """Return the decision to allow a request; its reason names the first matching subject."""
        subject = next(
            each
            for each in self.subjects
            if (each.user and each.user == user.name) or (each.group and each.group in user.groups)
        )
        if subject.decision is None:
            subject.decision = self._decision(subject.description)
        return subject.decision

    def _decision(self, who: str) -> AuthorizationDecision:
        namespace, name = self.key
        kind, shown = "ClusterRoleBinding", name
        if namespace:
            kind, shown = "RoleBinding", f"{name}/{namespace}"
        reason = (
            f"RBAC: allowed by {kind} {quote(shown)} of {self.role_kind} {quote(self.role.name)} "
            f"to {who}"
        )
        return AuthorizationDecision(Verdict.ALLOW, reason)

    @property
    def missing_role(self) -> str:
        """The error for a role that does not exist."""
        return f"{self.role_kind.lower()}.{_GROUP} {quote(self.role.name)} not found"


def binding_of(document: Object) -> Binding:
    """Return the entry of a stored RoleBinding or ClusterRoleBinding."""
    metadata, role = document["metadata"], document["roleRef"]
    namespace = metadata.get("namespace", "")
    subjects = [_subject(each, namespace) for each in document.get("subjects") or ()]
    return Binding(
        key=NamespacedName(namespace, metadata["name"]),
        role=NamespacedName(namespace if role["kind"] == "Role" else "", role["name"]),
        role_kind=role["kind"],
        subjects=tuple(subjects),
    )


def _subject(document: Object, namespace: str) -> Subject:
    kind, name = document["kind"], document.get("name", "")
    if kind == "User":
        return Subject(name, "", f"{kind} {quote(name)}")
    if kind == "Group":
        return Subject("", name, f"{kind} {quote(name)}")
    namespace = document.get("namespace") or namespace
    # An account without a namespace, possible in a ClusterRoleBinding only, matches no user.
    user = f"system:serviceaccount:{namespace}:{name}" if namespace else ""
    return Subject(user, "", f"{kind} {quote(f'{name}/{namespace}')}")


@dataclass(slots=True)
class _Scope:
    """The bindings of a namespace, or of the cluster, by the name of a user and of a group."""

    users: dict[str, dict[NamespacedName, Binding]] = field(default_factory=dict)
    groups: dict[str, dict[NamespacedName, Binding]] = field(default_factory=dict)

    def bindings_of(self, user: UserInfo) -> list[dict[NamespacedName, Binding]]:
        """Return the bindings of the user's name and of each of its groups."""
        groups = self.groups
        found = [groups[group] for group in user.groups if group in groups]
        own = self.users.get(user.name)
        return found if own is None else [own, *found]

    def add(self, binding: Binding) -> None:
        for subject in binding.subjects:
            if subject.user:
                self.users.setdefault(subject.user, {})[binding.key] = binding
            elif subject.group:
                self.groups.setdefault(subject.group, {})[binding.key] = binding

    def discard(self, binding: Binding) -> None:
        for subject in binding.subjects:
            names, name = (
                (self.users, subject.user) if subject.user else (self.groups, subject.group)
            )
            bound = names.get(name)
            if bound is not None:
                bound.pop(binding.key, None)
                if not bound:
                    del names[name]


class RBACIndex:
    """The roles and bindings of a server."""

    def __init__(self) -> None:
        self._roles: dict[NamespacedName, CompiledRules] = {}
        self._bindings: dict[NamespacedName, Binding] = {}
        self._scopes: dict[str, _Scope] = {"": _Scope()}

    def put_role(self, key: NamespacedName, rules: CompiledRules) -> None:
        """Add or replace a Role or ClusterRole."""
        self._roles[key] = rules

    def remove_role(self, key: NamespacedName) -> None:
        """Remove a Role or ClusterRole, if it is known."""
        self._roles.pop(key, None)

    def put_binding(self, binding: Binding) -> None:
        """Add or replace a RoleBinding or ClusterRoleBinding."""
        self.remove_binding(binding.key)
        self._bindings[binding.key] = binding
        self._scopes.setdefault(binding.key[0], _Scope()).add(binding)

    def remove_binding(self, key: NamespacedName) -> None:
        """Remove a RoleBinding or ClusterRoleBinding, if it is known."""
        known = self._bindings.pop(key, None)
        if known is None:
            return
        scope = self._scopes.get(key[0])
        if scope is None:
            # No binding of the namespace has subjects.
            return
        scope.discard(known)
        if key[0] and not scope.users and not scope.groups:
            del self._scopes[key[0]]

    @property
    def roles(self) -> Collection[NamespacedName]:
        """The keys of all roles."""
        return self._roles.keys()

    @property
    def bindings(self) -> Collection[NamespacedName]:
        """The keys of all bindings."""
        return self._bindings.keys()

    def bindings_of(self, user: UserInfo, namespace: str) -> Iterator[Binding]:
        """Yield the bindings of a user in the cluster, then in ``namespace`` if it is not empty.

        One that names the user more than once may be yielded more than once.
        """
        for where in ("", namespace) if namespace else ("",):
            scope = self._scopes.get(where)
            if scope is None:
                continue
            for bindings in scope.bindings_of(user):
                yield from bindings.values()

    def find(
        self, user: UserInfo, namespace: str, probe: Probe | PathProbe, missing: list[str]
    ) -> Binding | None:
        """Return a binding that gives the user the probed right; collect missing roles."""
        roles = self._roles
        for where in ("", namespace) if namespace else ("",):
            scope = self._scopes.get(where)
            if scope is None:
                continue
            for bindings in scope.bindings_of(user):
                for binding in bindings.values():
                    rules = roles.get(binding.role)
                    if rules is None:
                        missing.append(binding.missing_role)
                    elif rules.covers(probe):
                        return binding
        return None

    def rules_of(self, user: UserInfo, namespace: str) -> list[CompiledRules]:
        """Return the rules of all roles of a user, as they are now."""
        bindings = self.bindings_of(user, namespace)
        return [self._roles[each.role] for each in bindings if each.role in self._roles]

    def missing_roles(self, user: UserInfo, namespace: str) -> list[str]:
        """Return the errors for roles that the bindings of a user name but that do not exist."""
        bindings = self.bindings_of(user, namespace)
        return [each.missing_role for each in bindings if each.role not in self._roles]
