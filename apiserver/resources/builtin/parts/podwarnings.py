"""Warnings about a Pod that is valid but unlikely to work as intended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from apiserver.machinery.objects import Object
from apiserver.machinery.quantity import has_no_fraction
from apiserver.machinery.quoting import quote
from apiserver.resources.builtin.parts.affinity import PREFERRED, REQUIRED
from apiserver.resources.builtin.parts.ipforms import warnings_for_ip
from apiserver.resources.builtin.parts.nodelabels import (
    node_label_warning,
    warnings_for_node_selector_term,
)
from apiserver.resources.builtin.parts.pathoverlaps import warnings_for_overlaps
from apiserver.resources.builtin.parts.podrules import annotations_of
from apiserver.resources.builtin.parts.portwarnings import warnings_for_ports
from apiserver.resources.builtin.parts.profiles import (
    APPARMOR_OF_CONTAINER,
    SECCOMP_OF_CONTAINER,
    SECCOMP_OF_POD,
)
from apiserver.resources.builtin.parts.resources import EPHEMERAL_STORAGE, MEMORY, STORAGE, amount
from apiserver.resources.builtin.parts.windows import containers_with_paths

Spec = Mapping[str, Any]

_ANNOTATIONS: Final = {
    "scheduler.alpha.kubernetes.io/critical-pod": ("v1.16", "priorityClassName"),
    "security.alpha.kubernetes.io/sysctls": ("v1.11", "sysctls"),
    "security.alpha.kubernetes.io/unsafe-sysctls": ("v1.11", "sysctls"),
}
_VOLUMES: Final = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_VOLUME_ORDER: Final = (
    "photonPersistentDisk", "gitRepo", "scaleIO", "flocker", "storageos", "quobyte", "glusterfs",
    "ephemeral", "cephfs", "rbd",
)  # fmt: skip
_NULL_SELECTOR: Final = "labelSelector: a null labelSelector results in matching no pod"


def warnings_for_pod(owner: Object, path: str, *, is_template: bool) -> list[str]:
    """Return the warnings for a Pod or a template; ``path`` is empty or ends with a dot."""
    spec: Spec = owner.get("spec") or {}
    annotations = annotations_of(owner)
    where = f"{path}spec"
    found: list[str] = []
    if "nodeSelector" in spec or "affinity" in spec or "topologySpreadConstraints" in spec:
        found += _of_node_labels(spec, where)
    if annotations:
        found += [
            f'{path}metadata.annotations[{key}]: non-functional in {since}+; use the "{field}" '
            "field instead"
            for key, (since, field) in _ANNOTATIONS.items()
            if key in annotations
        ]
    if "volumes" in spec:
        found += _of_volumes(spec["volumes"], f"{where}.volumes")
    if "hostAliases" in spec:
        found += _duplicates(spec["hostAliases"], "ip", f"{where}.hostAliases")
    if "imagePullSecrets" in spec:
        found += _of_pull_secrets(spec["imagePullSecrets"], f"{where}.imagePullSecrets")
    if "overhead" in spec:
        found += _fractions(spec["overhead"], f"{where}.overhead")
    if annotations:
        where_annotated = f"{path}metadata.annotations"
        found += _of_profiles(annotations, spec, where_annotated, is_template=is_template)
    for container, place in containers_with_paths(spec, where):
        found += _of_container(container, place)
    found += warnings_for_ports(spec, where)
    return found + _of_the_rest(spec, where)


def _of_node_labels(spec: Spec, path: str) -> Iterator[str]:
    for key in spec.get("nodeSelector") or ():
        if warning := node_label_warning(key):
            yield f"{path}.nodeSelector[{key}]: {warning}"
    nodes = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    where = f"{path}.affinity.nodeAffinity"
    for index, term in enumerate((nodes.get(REQUIRED) or {}).get("nodeSelectorTerms") or ()):
        place = f"{where}.{REQUIRED}.nodeSelectorTerms[{index}]"
        yield from warnings_for_node_selector_term(term, place)
    for index, preferred in enumerate(nodes.get(PREFERRED) or ()):
        place = f"{where}.{PREFERRED}[{index}].preference"
        term = preferred["preference"]
        yield from warnings_for_node_selector_term(term, place, values=True)
    for index, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        place, key = f"{path}.topologySpreadConstraints[{index}]", constraint.get("topologyKey", "")
        if warning := node_label_warning(key):
            yield f"{place}.topologyKey: {key} is {warning}"
        if constraint.get("labelSelector") is None:
            yield f"{place}.{_NULL_SELECTOR}"


def _of_volumes(volumes: list[dict[str, Any]], path: str) -> list[str]:
    found: list[str] = []
    for index, volume in enumerate(volumes):
        for kind in _VOLUME_ORDER:
            if kind not in volume:
                continue
            if kind != "ephemeral":
                found.append(f"{path}[{index}].{kind}: {_VOLUMES[kind]}")
                continue
            template = volume["ephemeral"].get("volumeClaimTemplate")
            if template is not None:
                where = f"{path}[{index}].ephemeral.volumeClaimTemplate.spec"
                found += warnings_for_claim_spec(template["spec"], where)
    return found + warnings_for_overlaps(volumes)


def warnings_for_claim_spec(spec: Spec, path: str) -> list[str]:
    """Return the warnings for a claim that requests a fraction of a byte."""
    resources = spec.get("resources") or {}
    return [
        warning
        for part in ("requests", "limits")
        for warning in _fractions(resources.get(part) or {}, f"{path}.resources.{part}", (STORAGE,))
    ]


def _fractions(
    resources: Mapping[str, str], path: str, names: tuple[str, ...] = (MEMORY, EPHEMERAL_STORAGE)
) -> Iterator[str]:
    for name in names:
        text = resources.get(name)
        if text is not None and not has_no_fraction(amount(text)):
            yield (
                f"{path}[{name}]: fractional byte value {quote(text)} is invalid, must be an "
                "integer"
            )


def _duplicates(items: list[dict[str, Any]], member: str, path: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        value = item.get(member, "")
        if value in seen:
            yield f"{path}[{index}].{member}: duplicate {member} {quote(value)}"
        seen.add(value)


def _of_pull_secrets(secrets: list[dict[str, Any]], path: str) -> Iterator[str]:
    yield from _duplicates(secrets, "name", path)
    for index, secret in enumerate(secrets):
        if not secret.get("name"):
            yield f'{path}[{index}].name: invalid empty name ""'


def _of_profiles(
    annotations: Mapping[str, str], spec: Spec, path: str, *, is_template: bool
) -> Iterator[str]:
    context = spec.get("securityContext") or {}
    seccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead'
    if SECCOMP_OF_POD in annotations and "seccompProfile" not in context:
        yield f"{path}[{SECCOMP_OF_POD}]: {seccomp}"
    for container, _ in containers_with_paths(spec, ""):
        own = container.get("securityContext") or {}
        key = SECCOMP_OF_CONTAINER + container["name"]
        if key in annotations and "seccompProfile" not in own:
            yield f"{path}[{key}]: {seccomp}"
        key = APPARMOR_OF_CONTAINER + container["name"]
        has_field = "appArmorProfile" in context or "appArmorProfile" in own
        if is_template and key in annotations and not has_field:
            yield f'{path}[{key}]: deprecated since v1.30; use the "appArmorProfile" field instead'


def _of_container(container: Spec, path: str) -> list[str]:
    found: list[str] = []
    requirements = container.get("resources")
    if requirements:
        for name in (MEMORY, EPHEMERAL_STORAGE):
            for part in ("limits", "requests"):
                quantities = requirements.get(part)
                if quantities and name in quantities:
                    found += _fractions(quantities, f"{path}.resources.{part}", (name,))
    variables = container.get("env") or []
    if len(variables) > 1:
        found += _of_env(variables, f"{path}.env")
    return found


def _of_env(variables: list[dict[str, Any]], path: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, variable in enumerate(variables):
        name = variable["name"]
        if name in seen:
            value, reference = variable.get("value", ""), f"$({name})"
            keeps_old = reference in value and value != reference
            if "valueFrom" in variable or not keeps_old:
                yield (
                    f"{path}[{index}]: hides previous definition of {quote(name)}, which may be "
                    "dropped when using apply"
                )
        seen.add(name)


def _of_the_rest(spec: Spec, path: str) -> list[str]:
    found: list[str] = []
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        found.append(
            f"{path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and "
            "will be treated as 1"
        )
    affinity = spec.get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind)
        if not terms:
            continue
        where = f"{path}.affinity.{kind}"
        found += [
            f"{where}.{REQUIRED}[{index}].{_NULL_SELECTOR}"
            for index, term in enumerate(terms.get(REQUIRED) or ())
            if term.get("labelSelector") is None
        ]
        found += [
            f"{where}.{PREFERRED}[{index}].podAffinityTerm.{_NULL_SELECTOR}"
            for index, weighted in enumerate(terms.get(PREFERRED) or ())
            if weighted["podAffinityTerm"].get("labelSelector") is None
        ]
    for index, server in enumerate((spec.get("dnsConfig") or {}).get("nameservers") or ()):
        found += warnings_for_ip(server, f"{path}.dnsConfig.nameservers[{index}]")
    for index, alias in enumerate(spec.get("hostAliases") or ()):
        found += warnings_for_ip(alias.get("ip", ""), f"{path}.hostAliases[{index}].ip")
    return found
