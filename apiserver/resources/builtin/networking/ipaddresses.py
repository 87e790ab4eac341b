"""IPAddress."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.objects import Object
from apiserver.resources import objectmeta
from apiserver.resources.builtin.parts.addresses import parse_ip
from apiserver.resources.builtin.parts.hosts import validate_path_segment
from apiserver.resources.builtin.parts.ipforms import new_ip_problem
from apiserver.resources.builtin.parts.names import validate_dns_subdomain
from apiserver.resources.printing import NAME, Column, Printer, age_of
from apiserver.resources.strategy import Strategy

_PATH: Final = "spec.parentRef"
# As in Kubernetes, the rows have an age but there is no column for it.
COLUMNS: Final = (NAME, Column("ParentRef", source="api.networking.v1.IPAddressSpec.parentRef"))


def address_name_problems(name: str) -> list[str]:
    """Return why a text is not an address in its canonical form."""
    problem = new_ip_problem(name)
    if problem:
        return [problem]
    address = parse_ip(name)
    return [] if str(address) == name else [f'must be in canonical form ("{address}")']


def _parent(document: Object) -> dict[str, Any] | None:
    return (document.get("spec") or {}).get("parentRef")


def _cells(document: Object, now: float) -> list[Any]:
    metadata, parent = document["metadata"], _parent(document) or {}
    resource = parent.get("resource", "")
    if parent.get("group"):
        resource += f".{parent['group']}"
    place = f"{parent['namespace']}/" if parent.get("namespace") else ""
    shown = f"{resource.lower()}/{place}{parent.get('name', '')}" if parent else "<none>"
    return [metadata.get("name", ""), shown, age_of(metadata.get("creationTimestamp"), now)]


class IPAddressStrategy(Strategy):
    """An IPAddress, named by the address, refers to the object that uses it."""

    name_problems = staticmethod(address_name_problems)
    # The rules of the kind include metadata.
    metadata_checks = ()
    printer = Printer(COLUMNS, _cells)

    def validate(self, document: Object) -> list[FieldError]:
        parent = _parent(document)
        if parent is None:
            return [required(_PATH)]
        errors: list[FieldError] = []
        if parent.get("group"):
            errors += validate_dns_subdomain(parent["group"], f"{_PATH}.group")
        for member in ("resource", "name"):
            value, where = parent.get(member), f"{_PATH}.{member}"
            errors += validate_path_segment(value, where) if value else [required(where)]
        if parent.get("namespace"):
            errors += validate_path_segment(parent["namespace"], f"{_PATH}.namespace")
        return errors

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        parent = _parent(document)
        errors = [
            *objectmeta.validate_whole(document, self),
            *self.validate(document),
            *objectmeta.validate_change(document, old, self),
        ]
        if parent != _parent(old):
            shown = None if parent is None else _inside(parent)
            errors.append(invalid(_PATH, shown, "field is immutable"))
        return errors


def _inside(parent: dict[str, Any]) -> dict[str, str]:
    members = ("Group", "Resource", "Namespace", "Name")
    return {member: parent.get(member.lower(), "") for member in members}


STRATEGY = IPAddressStrategy
