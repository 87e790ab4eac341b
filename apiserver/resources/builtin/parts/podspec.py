"""The rules of a pod spec, in a Pod and in a template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
)
from apiserver.resources.builtin.parts.affinity import validate_affinity
from apiserver.resources.builtin.parts.containers import (
    PodContext,
    validate_containers,
    validate_ephemeral_containers,
    validate_init_containers,
)
from apiserver.resources.builtin.parts.environment import validate_files
from apiserver.resources.builtin.parts.labelselector import validate_labels
from apiserver.resources.builtin.parts.names import (
    validate_dns_label,
    validate_dns_subdomain,
    validate_qualified_name,
)
from apiserver.resources.builtin.parts.numbers import MAX_INT32, range_problem
from apiserver.resources.builtin.parts.podnetwork import (
    validate_dns_config,
    validate_dns_policy,
    validate_host_aliases,
    validate_host_name_override,
    validate_host_names,
    validate_ports_of_host,
)
from apiserver.resources.builtin.parts.podresources import validate_pod_resources
from apiserver.resources.builtin.parts.podrules import PodRules
from apiserver.resources.builtin.parts.resources import validate_requirements
from apiserver.resources.builtin.parts.restarts import POD_POLICIES
from apiserver.resources.builtin.parts.securitycontext import (
    validate_host_users,
    validate_pod_security_context,
)
from apiserver.resources.builtin.parts.tolerations import validate_tolerations
from apiserver.resources.builtin.parts.topologyspread import validate_topology_spread
from apiserver.resources.builtin.parts.volumes import validate_volumes
from apiserver.resources.builtin.parts.windows import (
    LINUX,
    WINDOWS,
    has_windows_options,
    validate_host_processes,
    validate_system,
)
from apiserver.schema.internalform import internal_form

_PREEMPTION: Final = ("PreemptLowerPriority", "Never")

Spec = Mapping[str, Any]


def validate_pod_spec(spec: Spec, path: str, rules: PodRules, name: str = "") -> list[FieldError]:
    """Return every rule that a spec breaks; ``name`` is the Pod's, empty for a template."""
    volumes, errors = validate_volumes(spec.get("volumes") or [], name, f"{path}.volumes", rules)
    claims = spec.get("resourceClaims") or ()
    if claims:
        errors += _claims(claims, f"{path}.resourceClaims")
    pod = PodContext(
        volumes=volumes,
        claims=frozenset(claim["name"] for claim in claims if claim["name"]),
        grace=spec.get("terminationGracePeriodSeconds") or 0,
        restart_policy=spec.get("restartPolicy", ""),
        host_users=spec.get("hostUsers") is not False,
        rules=rules,
    )
    errors += _containers(spec, pod, path)
    if "resources" in spec:
        errors += validate_pod_resources(
            spec, f"{path}.resources", any_page_count=rules.any_page_count
        )
    if spec.get("hostNetwork"):
        errors += validate_ports_of_host(spec, path, rules)
    if pod.restart_policy not in POD_POLICIES:
        where, policy = f"{path}.restartPolicy", pod.restart_policy
        errors.append(not_supported(where, policy, POD_POLICIES) if policy else required(where))
    errors += validate_dns_policy(spec.get("dnsPolicy", ""), f"{path}.dnsPolicy")
    if "nodeSelector" in spec:
        errors += validate_labels(spec["nodeSelector"], f"{path}.nodeSelector")
    if spec.get("securityContext"):
        where = f"{path}.securityContext"
        errors += validate_pod_security_context(spec["securityContext"], spec, where, rules)
    errors += _placement(spec, path, rules)
    return errors + _rest(spec, path, rules)


def _containers(spec: Spec, pod: PodContext, path: str) -> list[FieldError]:
    containers = spec.get("containers") or []
    errors = validate_containers(containers, pod, f"{path}.containers")
    if "initContainers" in spec:
        names = [container["name"] for container in containers]
        where = f"{path}.initContainers"
        errors += validate_init_containers(spec["initContainers"], names, pod, where)
    if "ephemeralContainers" in spec:
        where = f"{path}.ephemeralContainers"
        errors += validate_ephemeral_containers(spec["ephemeralContainers"], spec, pod, where)
    return errors


def _placement(spec: Spec, path: str, rules: PodRules) -> list[FieldError]:
    errors: list[FieldError] = []
    if "affinity" in spec:
        errors += validate_affinity(spec["affinity"], f"{path}.affinity", rules)
    config, policy = spec.get("dnsConfig"), spec.get("dnsPolicy", "")
    if config is not None or policy == "None":
        errors += validate_dns_config(config, policy, f"{path}.dnsConfig")
    for index, gate in enumerate(spec.get("readinessGates") or ()):
        where = f"{path}.readinessGates[{index}].conditionType"
        errors += validate_qualified_name(gate["conditionType"], where)
    if "schedulingGates" in spec:
        errors += _scheduling_gates(spec["schedulingGates"], f"{path}.schedulingGates")
    if "topologySpreadConstraints" in spec:
        where = f"{path}.topologySpreadConstraints"
        errors += validate_topology_spread(spec["topologySpreadConstraints"], where, rules)
    if has_windows_options(spec):
        errors += validate_host_processes(spec, path)
    if "hostUsers" in spec:
        errors += validate_host_users(spec, path, rules)
    if spec.get("hostnameOverride") is not None:
        errors += validate_host_name_override(spec, path)
    return errors


def _scheduling_gates(gates: list[dict[str, Any]], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, gate in enumerate(gates):
        where, name = f"{path}[{index}]", gate["name"]
        errors += validate_qualified_name(name, where)
        if name in seen:
            errors.append(duplicate(where, name))
        seen.add(name)
    return errors


def _rest(spec: Spec, path: str, rules: PodRules) -> list[FieldError]:
    errors: list[FieldError] = []
    errors += _object_names(spec, ("serviceAccountName", "nodeName"), path)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= MAX_INT32:
        where = f"{path}.activeDeadlineSeconds"
        errors.append(invalid(where, deadline, range_problem(1, MAX_INT32)))
    if "hostname" in spec or "subdomain" in spec:
        errors += validate_host_names(spec, path)
    if "tolerations" in spec:
        errors += validate_tolerations(spec["tolerations"], f"{path}.tolerations")
    if "hostAliases" in spec:
        errors += validate_host_aliases(spec["hostAliases"], f"{path}.hostAliases")
    errors += _object_names(spec, ("priorityClassName", "runtimeClassName"), path)
    preemption = spec.get("preemptionPolicy")
    if preemption is not None and preemption not in _PREEMPTION:
        where = f"{path}.preemptionPolicy"
        supported = not_supported(where, preemption, _PREEMPTION)
        errors.append(supported if preemption else required(where))
    if "overhead" in spec:
        errors += _overhead(spec["overhead"], f"{path}.overhead", rules)
    if "os" in spec:
        errors += _system(spec, f"{path}.os", path)
    volumes = {volume["name"]: volume for volume in spec.get("volumes") or ()}
    for part in ("initContainers", "containers", "ephemeralContainers"):
        errors += validate_files(spec.get(part) or (), volumes, f"{path}.{part}")
    return errors


def _object_names(spec: Spec, members: tuple[str, ...], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for member in members:
        # An empty name is left out, except for the one that is a pointer.
        if member in spec and (spec[member] or member == "runtimeClassName"):
            errors += validate_dns_subdomain(spec[member], f"{path}.{member}")
    return errors


def _overhead(overhead: Mapping[str, str], path: str, rules: PodRules) -> list[FieldError]:
    # It is validated like limits, and its errors refer to limits.
    return validate_requirements({"limits": overhead}, path, any_page_count=rules.any_page_count)


def _system(spec: Spec, path: str, spec_path: str) -> list[FieldError]:
    name = spec["os"].get("name", "")
    if not name:
        return [required(f"{path}.name")]
    if name not in (LINUX, WINDOWS):
        return [not_supported(path, name, (LINUX, WINDOWS))]
    return validate_system(spec, spec_path)


def _claims(claims: list[dict[str, Any]], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        where, name = f"{path}[{index}]", claim["name"]
        if not name:
            errors.append(required(f"{where}.name"))
        elif name in seen:
            errors.append(duplicate(f"{where}.name", name))
        else:
            errors += validate_dns_label(name, f"{where}.name")
            seen.add(name)
        sources = ("resourceClaimName", "resourceClaimTemplateName")
        found = [source for source in sources if claim.get(source) is not None]
        if len(found) != 1:
            detail = (
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
                if found
                else "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            )
            shown = internal_form("core.v1.PodResourceClaim", claim)
            errors.append(invalid(where, shown, detail))
        for source in found:
            errors += validate_dns_subdomain(claim[source], f"{where}.{source}")
    return errors
