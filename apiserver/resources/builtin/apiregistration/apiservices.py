"""APIService."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, not_supported, required
from apiserver.machinery.names import (
    dns1035_label_problems,
    dns1123_subdomain_problems,
    path_segment_problems,
)
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import now as time_now
from apiserver.resources.builtin.parts.names import port_number_problems
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import Strategy, with_metadata_of

_HTTPS: Final = 443
_CONDITION_STATUSES: Final = ("True", "False", "Unknown")
_HIGHEST_GROUP, _HIGHEST_VERSION = 20000, 1000

_COLUMNS: Final = (
    Column("Service", "The reference to the service that hosts this API endpoint."),
    Column("Available", "Whether this service is available."),
)


def _cells(document: Object) -> list[Any]:
    service = (document.get("spec") or {}).get("service")
    shown = "Local"
    if service is not None:
        shown = f"{service.get('namespace', '')}/{service.get('name', '')}"
    return [shown, _availability(document)]


def _availability(document: Object) -> str:
    for condition in (document.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Available":
            status, reason = condition.get("status", ""), condition.get("reason")
            return f"{status} ({reason})" if reason and status != "True" else status
    return "Unknown"


class APIServiceStrategy(Strategy):
    """An APIService defines the server of a group version: this server or a Service."""

    qualifies_finalizers = False
    allow_unconditional_update = False
    reset_fields = {"status": {"f:metadata": {}, "f:spec": {}}}  # noqa: RUF012
    printer = aged(_COLUMNS, _cells)

    def name_problems_of(self, document: Object) -> Callable[[str], list[str]]:
        spec = document.get("spec") or {}
        needed = f"{spec.get('version', '')}.{spec.get('group', '')}"

        def problems(name: str) -> list[str]:
            if name == needed:
                return path_segment_problems(name)
            other = f'must be `spec.version+"."+spec.group`: {quote(needed)}'
            return path_segment_problems(name) or [other]

        return problems

    def prepare_for_create(self, document: Object) -> Object:
        prepared = super().prepare_for_create(document)
        if (document.get("spec") or {}).get("service") is not None:
            return prepared
        available = {
            "type": "Available",
            "status": "True",
            "lastTransitionTime": time_now(),
            "reason": "Local",
            "message": "Local APIServices are always available",
        }
        return {**prepared, "status": {"conditions": [available]}}

    def default(self, document: Object) -> None:
        service = (document.get("spec") or {}).get("service")
        if service is not None:
            service.setdefault("port", _HTTPS)

    def validate(self, document: Object) -> list[FieldError]:
        spec = document.get("spec") or {}
        group, version = spec.get("group", ""), spec.get("version", "")
        errors = []
        if group:
            problems = dns1123_subdomain_problems(group)
            errors += [invalid("spec.group", group, problem) for problem in problems]
        elif version != "v1":
            detail = "only v1 may have an empty group and it better be legacy kube"
            errors.append(required("spec.group", detail))
        problems = dns1035_label_problems(version)
        errors += [invalid("spec.version", version, problem) for problem in problems]
        errors += _validate_priorities(spec)
        service = spec.get("service")
        return errors + (_validate_local(spec) if service is None else _validate_remote(spec))

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        return super().prepare_for_status_update(with_metadata_of(document, old), old)

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        conditions = (document.get("status") or {}).get("conditions") or ()
        return [
            not_supported(f"status.conditions[{index}].status", status, _CONDITION_STATUSES)
            for index, condition in enumerate(conditions)
            if (status := condition.get("status", "")) not in _CONDITION_STATUSES
        ]


def _validate_priorities(spec: dict[str, Any]) -> list[FieldError]:
    limits = {"groupPriorityMinimum": _HIGHEST_GROUP, "versionPriority": _HIGHEST_VERSION}
    return [
        invalid(f"spec.{member}", value, f"must be positive and less than {limit}")
        for member, limit in limits.items()
        if not 0 < (value := spec.get(member, 0)) <= limit
    ]


def _validate_local(spec: dict[str, Any]) -> list[FieldError]:
    errors = []
    bundle = spec.get("caBundle")
    if bundle:
        size = len(bundle) * 3 // 4 - bundle[-2:].count("=")
        detail = "local APIServices may not have a caBundle"
        errors.append(invalid("spec.caBundle", f"{size} bytes", detail))
    if spec.get("insecureSkipTLSVerify"):
        detail = "local APIServices may not have insecureSkipTLSVerify"
        errors.append(invalid("spec.insecureSkipTLSVerify", True, detail))  # noqa: FBT003
    return errors


def _validate_remote(spec: dict[str, Any]) -> list[FieldError]:
    service = spec["service"]
    errors = [
        required(f"spec.service.{member}")
        for member in ("namespace", "name")
        if not service.get(member)
    ]
    port = service.get("port", 0)
    problems = port_number_problems(port)
    detail = f"port is not valid: {'; '.join(problems)}"
    errors += [invalid("spec.service.port", port, detail)] if problems else []
    if spec.get("insecureSkipTLSVerify") and spec.get("caBundle"):
        detail = "may not be true if caBundle is present"
        errors.append(invalid("spec.insecureSkipTLSVerify", True, detail))  # noqa: FBT003
    return errors


STRATEGY = APIServiceStrategy
