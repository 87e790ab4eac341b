"""The common behaviour of RoleBindings and ClusterRoleBindings."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, not_supported, required
from apiserver.machinery.names import dns1123_subdomain_problems, path_segment_problems
from apiserver.machinery.objects import Object
from apiserver.resources.printing import AGE, NAME, Column, Printer, age_of
from apiserver.resources.strategy import Strategy

GROUP: Final = "rbac.authorization.k8s.io"
SERVICE_ACCOUNT: Final = "ServiceAccount"
_PEOPLE: Final = ("User", "Group")


class BindingStrategy(Strategy):
    """A binding grants a role to subjects; the roleRef is immutable."""

    name_problems = staticmethod(path_segment_problems)
    allow_create_on_update = True
    #: The kinds that the role may be of.
    role_kinds: tuple[str, ...] = ()

    def default(self, document: Object) -> None:
        document["roleRef"]["apiGroup"] = document["roleRef"].get("apiGroup") or GROUP
        for subject in document.get("subjects") or ():
            if not subject.get("apiGroup") and subject.get("kind") in _PEOPLE:
                subject["apiGroup"] = GROUP

    def validate(self, document: Object) -> list[FieldError]:
        errors = self._validate_role(document["roleRef"])
        for index, subject in enumerate(document.get("subjects") or ()):
            errors += self._validate_subject(subject, f"subjects[{index}]")
        return errors

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        errors = self.validate(document)
        if document["roleRef"] != old["roleRef"]:
            shown = {
                member: document["roleRef"].get(member[:1].lower() + member[1:], "")
                for member in ("Kind", "Name")
            }
            shown = {"APIGroup": document["roleRef"].get("apiGroup", ""), **shown}
            errors.append(invalid("roleRef", shown, "cannot change roleRef"))
        return errors

    def _validate_role(self, role: dict[str, str]) -> list[FieldError]:
        group, kind, name = (role.get(member, "") for member in ("apiGroup", "kind", "name"))
        errors = []
        if group != GROUP:
            errors.append(not_supported("roleRef.apiGroup", group, [GROUP]))
        if kind not in self.role_kinds:
            errors.append(not_supported("roleRef.kind", kind, self.role_kinds))
        if not name:
            errors.append(required("roleRef.name"))
        errors += [invalid("roleRef.name", name, text) for text in path_segment_problems(name)]
        return errors

    def _validate_subject(self, subject: dict[str, str], path: str) -> list[FieldError]:
        group, kind, name = (subject.get(member, "") for member in ("apiGroup", "kind", "name"))
        errors = [] if name else [required(f"{path}.name")]
        if kind == SERVICE_ACCOUNT:
            problems = dns1123_subdomain_problems(name) if name else []
            errors += [invalid(f"{path}.name", name, problem) for problem in problems]
            if group:
                errors.append(not_supported(f"{path}.apiGroup", group, [""]))
            if not self.definition.namespaced and not subject.get("namespace"):
                errors.append(required(f"{path}.namespace"))
        elif kind not in _PEOPLE:
            errors.append(not_supported(f"{path}.kind", kind, (SERVICE_ACCOUNT, *_PEOPLE)))
        elif group != GROUP:
            errors.append(not_supported(f"{path}.apiGroup", group, [GROUP]))
        return errors


def binding_printer(kind: str, shown: str) -> Printer:
    """Return the printer of a binding kind; ``shown`` is its name in descriptions."""
    columns = (
        NAME,
        Column("Role", source=f"api.rbac.v1.{kind}.roleRef"),
        AGE,
        Column("Users", f"Users in the {shown}", priority=1),
        Column("Groups", f"Groups in the {shown}", priority=1),
        Column("ServiceAccounts", f"ServiceAccounts in the {shown}", priority=1),
    )
    return Printer(columns, _cells)


def _cells(document: Object, now: float) -> list[Any]:
    metadata, role = document["metadata"], document["roleRef"]
    subjects = document.get("subjects") or []
    accounts = [
        f"{subject.get('namespace', '')}/{subject.get('name', '')}"
        for subject in subjects
        if subject.get("kind") == SERVICE_ACCOUNT
    ]
    return [
        metadata.get("name", ""),
        f"{role.get('kind', '')}/{role.get('name', '')}",
        age_of(metadata.get("creationTimestamp"), now),
        *(", ".join(s.get("name", "") for s in subjects if s.get("kind") == k) for k in _PEOPLE),
        ", ".join(accounts),
    ]
