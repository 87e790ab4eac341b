"""Ingress."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, not_supported, required
from apiserver.machinery.names import dns1123_label_problems, dns1123_subdomain_problems
from apiserver.machinery.objects import Object, metadata_of
from apiserver.resources.builtin.networking.references import validate_local_reference
from apiserver.resources.builtin.parts.addresses import parse_ip
from apiserver.resources.builtin.parts.hosts import wildcard_problems
from apiserver.resources.builtin.parts.ipforms import validate_new_ip
from apiserver.resources.builtin.parts.names import (
    port_name_problems,
    port_number_problems,
    validate_dns_subdomain,
)
from apiserver.resources.printing import NONE, Column, aged
from apiserver.resources.strategy import Strategy

CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
_PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")
_SEQUENCES: Final = ("//", "/./", "/../", "%2f", "%2F")
_SUFFIXES: Final = ("/..", "/.")
_NOT_A_NAME: Final = "must be a DNS name, not an IP address"
_MAX_SHOWN: Final = 3

_COLUMNS: Final = (
    Column(
        "Class",
        "The name of the IngressClass resource that should be used for additional configuration",
    ),
    Column("Hosts", "Hosts that incoming requests are matched against before the ingress rule"),
    Column("Address", "Address is a list containing ingress points for the load-balancer"),
    Column("Ports", "Ports of TLS configurations that open"),
)


def _cells(document: Object) -> list[Any]:
    spec = document.get("spec") or {}
    class_ = spec.get("ingressClassName")
    addresses = {point.get("ip") or point.get("hostname") or "" for point in _points(document)}
    return [
        NONE if class_ is None else class_,
        _hosts(spec.get("rules") or []),
        ",".join(sorted(addresses - {""})),
        "80, 443" if spec.get("tls") else "80",
    ]


def _points(document: Object) -> list[dict[str, Any]]:
    balancer = (document.get("status") or {}).get("loadBalancer") or {}
    return balancer.get("ingress") or []


def _hosts(rules: list[dict[str, Any]]) -> str:
    shown: list[str] = []
    for rule in rules:
        if len(shown) == _MAX_SHOWN:
            return f"{','.join(shown)} + {len(rules) - _MAX_SHOWN} more..."
        if rule.get("host"):
            shown.append(rule["host"])
    return ",".join(shown) or "*"


class IngressStrategy(Strategy):
    """An Ingress leads requests to backends by host and path."""

    generation_of = ("spec",)
    printer = aged(_COLUMNS, _cells)

    def validate(self, document: Object) -> list[FieldError]:
        return [*_validate_spec(document.get("spec") or {}), *_validate_class(document)]

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return _validate_spec(document.get("spec") or {})

    def warnings_on_create(self, document: Object) -> list[str]:
        annotations = metadata_of(document).get("annotations") or {}
        class_ = (document.get("spec") or {}).get("ingressClassName")
        if CLASS_ANNOTATION not in annotations or class_ is not None:
            return []
        instead = "please use 'spec.ingressClassName' instead"
        return [f'annotation "{CLASS_ANNOTATION}" is deprecated, {instead}']

    def warnings_on_update(self, document: Object, old: Object) -> list[str]:
        return []

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        known = {point.get("ip", "") for point in _points(old)}
        errors: list[FieldError] = []
        for index, point in enumerate(_points(document)):
            path = f"status.loadBalancer.ingress[{index}]"
            if point.get("ip"):
                errors += validate_new_ip(point["ip"], f"{path}.ip", known)
            host = point.get("hostname")
            if host:
                errors += validate_dns_subdomain(host, f"{path}.hostname")
                if parse_ip(host):
                    errors.append(invalid(f"{path}.hostname", host, _NOT_A_NAME))
        return errors


def _validate_class(document: Object) -> list[FieldError]:
    class_ = (document.get("spec") or {}).get("ingressClassName")
    annotation = (metadata_of(document).get("annotations") or {}).get(CLASS_ANNOTATION)
    if class_ is None or annotation is None or annotation == class_:
        return []
    detail = "must match `ingressClassName` when both are specified"
    return [invalid(f"annotations.{CLASS_ANNOTATION}", annotation, detail)]


def _validate_spec(spec: dict[str, Any]) -> list[FieldError]:
    rules, backend = spec.get("rules"), spec.get("defaultBackend")
    class_ = spec.get("ingressClassName")
    errors: list[FieldError] = []
    if not rules and backend is None:
        detail = "either `defaultBackend` or `rules` must be specified"
        errors.append(invalid("spec", rules, detail))
    if backend is not None:
        errors += _validate_backend(backend, "spec.defaultBackend")
    for index, rule in enumerate(rules or ()):
        errors += _validate_rule(rule, f"spec.rules[{index}]")
    for index, tls in enumerate(spec.get("tls") or ()):
        errors += _validate_tls(tls, f"spec.tls[{index}]")
    if class_ is not None:
        problems = dns1123_subdomain_problems(class_)
        errors += [invalid("spec.ingressClassName", class_, problem) for problem in problems]
    return errors


def _validate_host(host: str, path: str) -> list[FieldError]:
    problems = wildcard_problems(host) if "*" in host else dns1123_subdomain_problems(host)
    return [invalid(path, host, problem) for problem in problems]


def _validate_tls(tls: dict[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, host in enumerate(tls.get("hosts") or ()):
        errors += _validate_host(host, f"{path}.hosts[{index}]")
    if tls.get("secretName"):
        errors += validate_dns_subdomain(tls["secretName"], f"{path}.secretName")
    return errors


def _validate_rule(rule: dict[str, Any], path: str) -> list[FieldError]:
    host, http = rule.get("host"), rule.get("http")
    errors: list[FieldError] = []
    if host:
        if parse_ip(host):
            errors.append(invalid(f"{path}.host", host, _NOT_A_NAME))
        errors += _validate_host(host, f"{path}.host")
    if http is not None:
        paths = http.get("paths")
        if not paths:
            errors.append(required(f"{path}.http.paths"))
        for index, entry in enumerate(paths or ()):
            errors += _validate_path(entry, f"{path}.http.paths[{index}]")
    return errors


def _validate_path(entry: dict[str, Any], path: str) -> list[FieldError]:
    type_, text = entry.get("pathType"), entry.get("path", "")
    if type_ is None:
        return [required(f"{path}.pathType", "pathType must be specified")]
    problems = []
    if type_ not in _PATH_TYPES:
        return [
            not_supported(f"{path}.pathType", type_, _PATH_TYPES),
            *_validate_backend(entry.get("backend") or {}, f"{path}.backend"),
        ]
    may_be_empty = type_ == "ImplementationSpecific"
    if not text.startswith("/") and (text or not may_be_empty):
        problems.append("must be an absolute path")
    if not may_be_empty:
        problems += [f"must not contain '{part}'" for part in _SEQUENCES if part in text]
        problems += [f"cannot end with '{part}'" for part in _SUFFIXES if text.endswith(part)]
    errors = [invalid(f"{path}.path", text, problem) for problem in problems]
    return errors + _validate_backend(entry.get("backend") or {}, f"{path}.backend")


def _validate_backend(backend: dict[str, Any], path: str) -> list[FieldError]:
    resource, service = backend.get("resource"), backend.get("service")
    if resource is not None and service is not None:
        return [invalid(path, "", "cannot set both resource and service backends")]
    if resource is not None:
        return validate_local_reference(resource, f"{path}.resource")
    if service is None:
        return [invalid(path, "", "resource or service backend is required")]
    name = service.get("name", "")
    where = f"{path}.service.name"
    if name:
        errors = [invalid(where, name, problem) for problem in dns1123_label_problems(name)]
    else:
        errors = [required(where)]
    return errors + _validate_service_port(service.get("port") or {}, path)


def _validate_service_port(port: dict[str, Any], path: str) -> list[FieldError]:
    name, number = port.get("name"), port.get("number")
    if name and number:
        return [invalid(path, "", "cannot set both port name & port number")]
    if name:
        where = f"{path}.service.port.name"
        return [invalid(where, name, problem) for problem in port_name_problems(name)]
    if number:
        where = f"{path}.service.port.number"
        return [invalid(where, number, problem) for problem in port_number_problems(number)]
    return [required(path, "port name or number is required")]


STRATEGY = IngressStrategy
