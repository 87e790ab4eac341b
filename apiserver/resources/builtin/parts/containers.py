"""Containers of Pods: regular, init and ephemeral containers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_found,
    not_supported,
    required,
)
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.builtin.parts.environment import validate_env, validate_env_from
from apiserver.resources.builtin.parts.images import PULL_POLICIES
from apiserver.resources.builtin.parts.names import validate_dns_label
from apiserver.resources.builtin.parts.podresources import is_restartable
from apiserver.resources.builtin.parts.podrules import PodRules
from apiserver.resources.builtin.parts.ports import validate_host_ports, validate_ports
from apiserver.resources.builtin.parts.probes import PROBES, validate_lifecycle, validate_probe
from apiserver.resources.builtin.parts.resources import validate_requirements
from apiserver.resources.builtin.parts.restarts import (
    restarts_on_resize,
    validate_resize_policy,
    validate_restart_policy,
)
from apiserver.resources.builtin.parts.securitycontext import validate_security_context
from apiserver.resources.builtin.parts.volumemounts import validate_devices, validate_mounts

_MESSAGE_POLICIES: Final = ("File", "FallbackToLogsOnError")
_USUAL_PULL_POLICIES: Final = frozenset(PULL_POLICIES)
_NOT_EPHEMERAL: Final = (
    "ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", "livenessProbe",
    "readinessProbe", "startupProbe", "lifecycle",
)  # fmt: skip
_EPHEMERAL: Final = "cannot be set for an Ephemeral Container"
_ONLY_SIDECARS: Final = "may not be set for init containers without restartPolicy=Always"


@valueclass
class PodContext:
    """The properties of the Pod that the rules of a container depend on."""

    volumes: Mapping[str, Mapping[str, Any]]
    claims: frozenset[str]
    grace: int
    restart_policy: str
    host_users: bool
    rules: PodRules


def validate_containers(
    containers: list[dict[str, Any]], pod: PodContext, path: str
) -> list[FieldError]:
    """Validate the regular containers of a Pod, which needs at least one."""
    if not containers:
        return [required(path)]
    errors: list[FieldError] = []
    names: set[str] = set()
    for index, container in enumerate(containers):
        where = f"{path}[{index}]"
        errors += _common(container, pod, where)
        if container["name"] in names:
            errors.append(duplicate(f"{where}.name", container["name"]))
        names.add(container["name"])
        errors += _hooks(container, pod, where)
        errors += validate_restart_policy(container, where)
    return errors + validate_host_ports(enumerate(containers), path)


def validate_init_containers(
    containers: list[dict[str, Any]], names: Iterable[str], pod: PodContext, path: str
) -> list[FieldError]:
    """Validate init containers; ``names`` are those of the others."""
    errors: list[FieldError] = []
    taken = set(names)
    for index, container in enumerate(containers):
        where, name = f"{path}[{index}]", container["name"]
        errors += _common(container, pod, where)
        errors += validate_restart_policy(container, where)
        if name in taken:
            errors.append(duplicate(f"{where}.name", name))
        elif name:
            taken.add(name)
        # They run one after the other, so their ports do not conflict.
        errors += validate_host_ports([(0, container)], path)
        if is_restartable(container):
            errors += _hooks(container, pod, where)
        else:
            errors += [
                forbidden(f"{where}.{name}", _ONLY_SIDECARS)
                for name in ("lifecycle", *PROBES)
                if name in container
            ]
            if not pod.rules.any_init_resize_policy:
                errors += restarts_on_resize(container, f"{where}.resizePolicy")
    return errors


def validate_ephemeral_containers(
    containers: list[dict[str, Any]], spec: Mapping[str, Any], pod: PodContext, path: str
) -> list[FieldError]:
    """Validate ephemeral containers."""
    errors: list[FieldError] = []
    others = {
        container["name"]
        for part in ("containers", "initContainers")
        for container in spec.get(part) or ()
    }
    taken = set(others)
    for index, container in enumerate(containers):
        where = f"{path}[{index}]"
        errors += _common(container, pod, where)
        errors += validate_image(container, where)
        if container["name"] in taken:
            errors.append(duplicate(f"{where}.name", container["name"]))
        taken.add(container["name"])
        target = container.get("targetContainerName")
        if target and target not in others:
            errors.append(not_found(f"{where}.targetContainerName", target))
        errors += [
            forbidden(f"{where}.{name}", _EPHEMERAL)
            for name in _NOT_EPHEMERAL
            # Empty resources are none; an empty lifecycle is one.
            if container.get(name) or (name == "lifecycle" and name in container)
        ]
        for number, mount in enumerate(container.get("volumeMounts") or ()):
            errors += [
                forbidden(f"{where}.volumeMounts[{number}].{name}", _EPHEMERAL)
                for name in ("subPath", "subPathExpr")
                if mount.get(name)
            ]
    return errors


def validate_image(container: Mapping[str, Any], path: str) -> list[FieldError]:
    """Reject spaces around an image, as Pods do and templates do not."""
    image = container.get("image", "")
    if image == image.strip():
        return []
    return [invalid(f"{path}.image", image, "must not have leading or trailing whitespace")]


def _common(container: Mapping[str, Any], pod: PodContext, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if not container["name"]:
        errors.append(required(f"{path}.name"))
    else:
        errors += validate_dns_label(container["name"], f"{path}.name")
    if not container.get("image"):
        errors.append(required(f"{path}.image"))
    policy = container.get("terminationMessagePolicy", "")
    if policy not in _MESSAGE_POLICIES:
        where = f"{path}.terminationMessagePolicy"
        errors.append(
            not_supported(where, policy, _MESSAGE_POLICIES) if policy else required(where)
        )
    if "ports" in container:
        errors += validate_ports(container["ports"], f"{path}.ports")
    if "env" in container:
        errors += validate_env(container["env"], f"{path}.env")
    if "envFrom" in container:
        errors += validate_env_from(container["envFrom"], f"{path}.envFrom")
    if "volumeMounts" in container:
        errors += validate_mounts(container, pod.volumes, f"{path}.volumeMounts")
    if "volumeDevices" in container:
        errors += validate_devices(container, pod.volumes, f"{path}.volumeDevices")
    pull = container.get("imagePullPolicy", "")
    if pull not in _USUAL_PULL_POLICIES:
        where = f"{path}.imagePullPolicy"
        errors.append(not_supported(where, pull, PULL_POLICIES) if pull else required(where))
    return errors + _limits(container, pod, path)


def _limits(container: Mapping[str, Any], pod: PodContext, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if container.get("resources"):
        errors += validate_requirements(
            container["resources"],
            f"{path}.resources",
            claims=pod.claims,
            any_page_count=pod.rules.any_page_count,
        )
    if "resizePolicy" in container:
        policies = container["resizePolicy"]
        errors += validate_resize_policy(policies, pod.restart_policy, f"{path}.resizePolicy")
    if "securityContext" in container:
        errors += validate_security_context(
            container["securityContext"], f"{path}.securityContext", host_users=pod.host_users
        )
    return errors


def _hooks(container: Mapping[str, Any], pod: PodContext, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if "lifecycle" in container:
        errors += validate_lifecycle(container["lifecycle"], f"{path}.lifecycle", pod.grace)
    for kind in PROBES:
        if kind in container:
            errors += validate_probe(container[kind], kind, f"{path}.{kind}")
    return errors
