"""Windows options of containers, and the fields that a Pod's operating system forbids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid
from apiserver.machinery.names import dns1123_subdomain_problems
from apiserver.resources.builtin.parts.clusterpolicy import POLICY

LINUX, WINDOWS = "linux", "windows"
_LONGEST_SPEC: Final = 64
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NETBIOS: Final = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}')
_DNS_PART: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DOMAIN: Final = re.compile(rf"{_DNS_PART}(?:\.{_DNS_PART})*")
_ONLY_DOTS: Final = re.compile(r"[. ]+")
_NOT_IN_USERS: Final = re.compile(r'["/\\:;|=,+*?<>@\[\]]')

_NOT_OF_WINDOWS_PODS: Final = (
    ("securityContext", "appArmorProfile"),
    ("securityContext", "seLinuxOptions"),
    ("", "hostUsers"),
    ("", "hostPID"),
    ("", "hostIPC"),
    ("securityContext", "seccompProfile"),
    ("securityContext", "fsGroup"),
    ("securityContext", "fsGroupChangePolicy"),
    ("securityContext", "sysctls"),
    ("", "shareProcessNamespace"),
    ("securityContext", "runAsUser"),
    ("securityContext", "runAsGroup"),
    ("securityContext", "supplementalGroups"),
    ("securityContext", "supplementalGroupsPolicy"),
    ("securityContext", "seLinuxChangePolicy"),
)
_NOT_OF_WINDOWS_CONTAINERS: Final = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)


def containers_with_paths(
    spec: Mapping[str, Any], path: str
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every container and its path: init containers, containers, ephemeral containers."""
    for part in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(part) or ()):
            yield container, f"{path}.{part}[{index}]"


def validate_options(options: Mapping[str, Any], path: str) -> list[FieldError]:
    """Validate the Windows options of a security context."""
    errors: list[FieldError] = []
    name = options.get("gmsaCredentialSpecName")
    if name is not None:
        where = f"{path}.gmsaCredentialSpecName"
        errors += [invalid(where, name, problem) for problem in dns1123_subdomain_problems(name)]
    spec = options.get("gmsaCredentialSpec")
    if spec is not None:
        where, size = f"{path}.gmsaCredentialSpec", len(spec.encode())
        if not size:
            errors.append(invalid(where, spec, "gmsaCredentialSpec cannot be an empty string"))
        elif size > _LONGEST_SPEC * 1024:
            detail = f"gmsaCredentialSpec size must be under {_LONGEST_SPEC} KiB"
            errors.append(invalid(where, spec, detail))
    user = options.get("runAsUserName")
    if user is not None:
        where = f"{path}.runAsUserName"
        errors += [invalid(where, user, f"runAsUserName{text}") for text in _user_problems(user)]
    return errors


def _user_problems(name: str) -> list[str]:
    if not name:
        return [" cannot be an empty string"]
    if _CONTROL.search(name):
        return [" cannot contain control characters"]
    if name.count("\\") > 1:
        return [" cannot contain more than one backslash"]
    domain, backslash, user = name.rpartition("\\")
    problems = []
    if len(domain) >= 256:
        problems.append("'s Domain length must be under 256 characters")
    if backslash and not (_NETBIOS.fullmatch(domain) or _DOMAIN.fullmatch(domain)):
        problems.append("'s Domain doesn't match the NetBios nor the DNS format")
    if not user:
        problems.append("'s User cannot be empty")
    elif len(user) > 104:
        problems.append("'s User length must not be longer than 104 characters")
    if _ONLY_DOTS.fullmatch(user):
        problems.append("'s User cannot contain only periods or spaces")
    if _NOT_IN_USERS.search(user):
        problems.append("'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]")
    return problems


def validate_host_processes(spec: Mapping[str, Any], path: str) -> list[FieldError]:
    """Reject HostProcess containers mixed with others, without hostNetwork, or if disallowed."""
    of_pod = _host_process(spec)
    errors: list[FieldError] = []
    count = running = 0
    for container, where in containers_with_paths(spec, path):
        own = _host_process(container)
        count += 1
        if of_pod is not None and own is not None and own != of_pod:
            detail = (
                "pod hostProcess value must be identical if both are specified, was "
                + str(of_pod).lower()
            )
            option = f"{where}.securityContext.windowsOptions.hostProcess"
            errors.append(invalid(option, own, detail))
        running += bool(of_pod if own is None else own)
    if not running:
        return errors
    if running != count:
        detail = (
            "If pod contains any hostProcess containers then all containers must be HostProcess "
            "containers"
        )
        errors.append(invalid(path, "", detail))
    in_host_network = spec.get("hostNetwork", False)
    if not in_host_network:
        detail = "hostNetwork must be true if pod contains any hostProcess containers"
        errors.append(invalid(f"{path}.hostNetwork", in_host_network, detail))
    if not POLICY.allow_privileged:
        detail = "hostProcess containers are disallowed by cluster policy"
        errors.append(forbidden(path, detail))
    return errors


def _host_process(owner: Mapping[str, Any]) -> bool | None:
    context = owner.get("securityContext") or {}
    value: bool | None = (context.get("windowsOptions") or {}).get("hostProcess")
    return value


def has_windows_options(spec: Mapping[str, Any]) -> bool:
    """Return whether anything in a Pod has Windows options."""
    if "windowsOptions" in (spec.get("securityContext") or {}):
        return True
    return any(
        "windowsOptions" in (container.get("securityContext") or {})
        for part in ("containers", "initContainers", "ephemeralContainers")
        for container in spec.get(part) or ()
    )


def validate_system(spec: Mapping[str, Any], path: str) -> list[FieldError]:
    """Reject fields that the operating system of the Pod does not support."""
    name = spec["os"].get("name", "")
    check = _validate_linux if name == LINUX else _validate_windows
    return check(spec, path)


def _validate_linux(spec: Mapping[str, Any], path: str) -> list[FieldError]:
    detail = "windows options cannot be set for a linux pod"
    places = [(spec, path), *containers_with_paths(spec, path)]
    return [
        forbidden(f"{where}.securityContext.windowsOptions", detail)
        for owner, where in places
        if "windowsOptions" in (owner.get("securityContext") or {})
    ]


def _validate_windows(spec: Mapping[str, Any], path: str) -> list[FieldError]:
    detail = "cannot be set for a windows pod"
    errors = []
    for parent, member in _NOT_OF_WINDOWS_PODS:
        owner = (spec.get(parent) or {}) if parent else spec
        if member in owner:
            errors.append(forbidden(f"{path}.{parent}.{member}".replace("..", "."), detail))
    for container, where in containers_with_paths(spec, path):
        context = container.get("securityContext") or {}
        errors += [
            forbidden(f"{where}.securityContext.{member}", detail)
            for member in _NOT_OF_WINDOWS_CONTAINERS
            if member in context
        ]
    return errors
