"""Names and addresses of Pods: host names, DNS, aliases, ports of the host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)
from apiserver.resources.builtin.parts.ipforms import validate_new_ip
from apiserver.resources.builtin.parts.names import validate_dns_label, validate_dns_subdomain
from apiserver.resources.builtin.parts.podrules import PodRules

DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_MAX_SERVERS, _MAX_SEARCHES, _LONGEST_SEARCH = 3, 32, 2048
_LONGEST_HOST_NAME: Final = 64
_SEARCH_PART: Final = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SEARCH: Final = re.compile(rf"{_SEARCH_PART}(\.{_SEARCH_PART})*")


def validate_dns_policy(policy: str, path: str) -> list[FieldError]:
    """Reject a value that is not a DNS policy."""
    if policy in DNS_POLICIES:
        return []
    return [not_supported(path, policy, DNS_POLICIES) if policy else required(path)]


def validate_dns_config(
    config: Mapping[str, Any] | None, policy: str, path: str
) -> list[FieldError]:
    """Validate the DNS settings of a Pod, including missing ones."""
    if policy == "None":
        if config is None:
            return [required(path, "must provide `dnsConfig` when `dnsPolicy` is None")]
        if not config.get("nameservers"):
            detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            return [required(f"{path}.nameservers", detail)]
    if config is None:
        return []
    errors: list[FieldError] = []
    servers = config.get("nameservers") or []
    if len(servers) > _MAX_SERVERS:
        detail = f"must not have more than {_MAX_SERVERS} nameservers"
        errors.append(invalid(f"{path}.nameservers", servers, detail))
    for index, server in enumerate(servers):
        errors += validate_new_ip(server, f"{path}.nameservers[{index}]")
    errors += _searches(config.get("searches") or [], f"{path}.searches")
    for index, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            errors.append(required(f"{path}.options[{index}]", "must not be empty"))
    return errors


def _searches(searches: list[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(searches) > _MAX_SEARCHES:
        detail = f"must not have more than {_MAX_SEARCHES} search paths"
        errors.append(invalid(path, searches, detail))
    if len(" ".join(searches)) > _LONGEST_SEARCH:
        detail = (
            f"must not have more than {_LONGEST_SEARCH} characters (including spaces) in the "
            "search list"
        )
        errors.append(invalid(path, searches, detail))
    for index, search in enumerate(searches):
        # A trailing dot marks a fully qualified name; alone it means the root.
        name = search.removesuffix(".")
        if search != "." and not (len(name) <= 253 and _SEARCH.fullmatch(name)):
            errors += _search_problems(name, f"{path}[{index}]")
    return errors


def _search_problems(name: str, path: str) -> list[FieldError]:
    errors = []
    if len(name) > 253:
        errors.append(invalid(path, name, "must be no more than 253 characters"))
    if not _SEARCH.fullmatch(name):
        detail = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
            "'_', '-' or '.', and must start and end with an alphanumeric character (e.g. "
            "'example.com', regex used for validation is "
            f"'{_SEARCH.pattern}')"
        )
        errors.append(invalid(path, name, detail))
    return errors


def validate_host_aliases(aliases: list[dict[str, Any]], path: str) -> list[FieldError]:
    """Validate hostAliases."""
    errors: list[FieldError] = []
    for index, alias in enumerate(aliases):
        errors += validate_new_ip(alias.get("ip", ""), f"{path}[{index}].ip")
        for number, name in enumerate(alias.get("hostnames") or ()):
            errors += validate_dns_subdomain(name, f"{path}[{index}].hostnames[{number}]")
    return errors


def validate_ports_of_host(spec: Mapping[str, Any], path: str, rules: PodRules) -> list[FieldError]:
    """Reject host ports that differ from container ports in a Pod with ``hostNetwork``."""
    errors = []
    for index, container in enumerate(spec.get("containers") or ()):
        for number, port in enumerate(container.get("ports") or ()):
            host = port.get("hostPort", 0)
            if (rules.is_pod or host) and host != port["containerPort"]:
                where = f"{path}.containers[{index}].ports[{number}].hostPort"
                detail = "must match `containerPort` when `hostNetwork` is true"
                errors.append(invalid(where, host, detail))
    return errors


def validate_host_names(spec: Mapping[str, Any], path: str) -> list[FieldError]:
    """Validate the host name and subdomain of a Pod."""
    errors: list[FieldError] = []
    for member in ("hostname", "subdomain"):
        if spec.get(member):
            errors += validate_dns_label(spec[member], f"{path}.{member}")
    return errors


def validate_host_name_override(spec: Mapping[str, Any], path: str) -> list[FieldError]:
    """Validate the host name that a Pod has instead of those that are derived."""
    name, where = spec["hostnameOverride"], f"{path}.hostnameOverride"
    errors = [
        forbidden(where, f"may not be specified when {member} is true")
        for member in ("setHostnameAsFQDN", "hostNetwork")
        if spec.get(member)
    ]
    if len(name) > _LONGEST_HOST_NAME:
        errors.append(too_long(where, _LONGEST_HOST_NAME))
    return errors + validate_dns_subdomain(name, where)
