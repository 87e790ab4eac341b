"""Security contexts of containers and of Pods."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.resources.builtin.parts.clusterpolicy import POLICY
from apiserver.resources.builtin.parts.names import identity_problems
from apiserver.resources.builtin.parts.podrules import PodRules
from apiserver.resources.builtin.parts.profiles import validate_apparmor, validate_seccomp
from apiserver.resources.builtin.parts.windows import containers_with_paths, validate_options
from apiserver.schema.internalform import show_internal

_PROC_MOUNTS: Final = ("Default", "Unmasked")
_GROUP_CHANGES: Final = ("Always", "OnRootMismatch")
_GROUP_POLICIES: Final = ("Merge", "Strict")
_LABEL_CHANGES: Final = ("MountOption", "Recursive")

_SYSCTL: Final = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL_PATTERN: Final = re.compile(_SYSCTL)
_SYSCTL_RULE: Final = f"must have at most 253 characters and match regex ^{_SYSCTL}$"
_IPC_SYSCTLS: Final = frozenset(["kernel.shmall", "kernel.shmmax", "kernel.shmmni",
                                 "kernel.shm_rmid_forced", "kernel.msgmax", "kernel.msgmnb",
                                 "kernel.msgmni", "kernel.sem"])  # fmt: skip


def validate_security_context(
    context: Mapping[str, Any], path: str, *, host_users: bool
) -> list[FieldError]:
    """Validate the security context of a container."""
    errors: list[FieldError] = []
    if context.get("privileged") and not POLICY.allow_privileged:
        errors.append(forbidden(f"{path}.privileged", "disallowed by cluster policy"))
    errors += _identities(context, ("runAsUser", "runAsGroup"), path)
    mount = context.get("procMount")
    if mount is not None:
        where = f"{path}.procMount"
        if mount not in _PROC_MOUNTS:
            errors.append(not_supported(where, mount, _PROC_MOUNTS))
        if host_users and mount == "Unmasked":
            detail = "`hostUsers` must be false to use `Unmasked`"
            errors.append(invalid(where, mount, detail))
    if "seccompProfile" in context:
        errors += validate_seccomp(context["seccompProfile"], f"{path}.seccompProfile")
    if context.get("allowPrivilegeEscalation") is False:
        errors += _escalation(context, path)
    if "windowsOptions" in context:
        errors += validate_options(context["windowsOptions"], f"{path}.windowsOptions")
    if "appArmorProfile" in context:
        errors += validate_apparmor(context["appArmorProfile"], f"{path}.appArmorProfile")
    return errors


def _escalation(context: Mapping[str, Any], path: str) -> list[FieldError]:
    contradictions = []
    if context.get("privileged"):
        contradictions.append("`privileged` to true")
    added = (context.get("capabilities") or {}).get("add") or ()
    contradictions += ["`capabilities.Add` CAP_SYS_ADMIN"] * added.count("CAP_SYS_ADMIN")
    if not contradictions:
        return []
    body = f"Invalid value: {show_internal('core.v1.SecurityContext', context)}"
    rule = "cannot set `allowPrivilegeEscalation` to false and"
    return [
        FieldError("FieldValueInvalid", path, f"{body}: {rule} {contradiction}")
        for contradiction in contradictions
    ]


def _identities(context: Mapping[str, Any], names: tuple[str, ...], path: str) -> list[FieldError]:
    return [
        invalid(f"{path}.{name}", context[name], problem)
        for name in names
        if name in context
        for problem in identity_problems(context[name])
    ]


def validate_pod_security_context(
    context: Mapping[str, Any], spec: Mapping[str, Any], path: str, rules: PodRules
) -> list[FieldError]:
    """Validate the security context of a Pod."""
    errors = _identities(context, ("fsGroup", "runAsUser", "runAsGroup"), path)
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        where = f"{path}.supplementalGroups[{index}]"
        errors += [invalid(where, group, problem) for problem in identity_problems(group)]
    shares = spec.get("shareProcessNamespace")
    if shares and spec.get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        errors.append(invalid(f"{path}.shareProcessNamespace", shares, detail))
    if "sysctls" in context:
        errors += _sysctls(context["sysctls"], spec, f"{path}.sysctls", rules)
    errors += _one_of(context, "fsGroupChangePolicy", _GROUP_CHANGES, path)
    if "seccompProfile" in context:
        errors += validate_seccomp(context["seccompProfile"], f"{path}.seccompProfile")
    if "windowsOptions" in context:
        errors += validate_options(context["windowsOptions"], f"{path}.windowsOptions")
    if "appArmorProfile" in context:
        errors += validate_apparmor(context["appArmorProfile"], f"{path}.appArmorProfile")
    errors += _one_of(context, "supplementalGroupsPolicy", _GROUP_POLICIES, path)
    changes = _LABEL_CHANGES if rules.label_by_mount_option else _LABEL_CHANGES[1:]
    return errors + _one_of(context, "seLinuxChangePolicy", changes, path)


def _one_of(
    context: Mapping[str, Any], name: str, supported: tuple[str, ...], path: str
) -> list[FieldError]:
    value = context.get(name)
    if value is None or value in supported:
        return []
    return [not_supported(f"{path}.{name}", value, supported)]


def _sysctls(
    sysctls: list[dict[str, Any]], spec: Mapping[str, Any], path: str, rules: PodRules
) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, sysctl in enumerate(sysctls):
        where, name = f"{path}[{index}].name", sysctl["name"]
        if not name:
            errors.append(required(where))
        elif len(name) > 253 or not _SYSCTL_PATTERN.fullmatch(name):
            errors.append(invalid(where, name, _SYSCTL_RULE))
        elif name in seen:
            errors.append(duplicate(where, name))
        if not rules.sysctls_of_the_host:
            errors += host_sysctl_errors(name, spec, where)
        seen.add(name)
    return errors


def host_sysctl_errors(name: str, spec: Mapping[str, Any], path: str) -> list[FieldError]:
    """Reject a kernel parameter of a namespace that the Pod shares with its host."""
    dotted = _with_dots(name)
    if spec.get("hostNetwork") and dotted.startswith("net."):
        return [invalid(path, name, "may not be specified when 'hostNetwork' is true")]
    in_ipc = dotted in _IPC_SYSCTLS or dotted.startswith(("fs.mqueue.", "kernel.msg", "kernel.shm"))
    if spec.get("hostIPC") and in_ipc:
        return [invalid(path, name, "may not be specified when 'hostIPC' is true")]
    return []


def _with_dots(name: str) -> str:
    # The first separator is the one that counts: "net/ipv4/conf/eth0.1" is split by slashes.
    slash, dot = name.find("/"), name.find(".")
    if slash >= 0 and (dot < 0 or slash < dot):
        return name.translate(str.maketrans("/.", "./"))
    return name


def validate_host_users(spec: Mapping[str, Any], path: str, rules: PodRules) -> list[FieldError]:
    """Reject host namespaces that a Pod with a user namespace may not share."""
    if spec.get("hostUsers") is not False:
        return []
    detail = "when `hostUsers` is false"
    errors = []
    for member, shown in (
        ("hostNetwork", "hostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ):
        if spec.get(member) and not (member == "hostNetwork" and rules.users_with_host_network):
            errors.append(forbidden(f"{path}.{shown}", detail))
    if not rules.users_with_devices:
        errors += [
            forbidden(f"{where}.volumeDevices", detail)
            for container, where in containers_with_paths(spec, path)
            if container.get("volumeDevices")
        ]
    return errors
