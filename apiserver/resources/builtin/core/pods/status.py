"""The subresource ``status``, which the kubelet of the node writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, duplicate, forbidden, internal, invalid
from apiserver.machinery.objects import Object, with_metadata
from apiserver.resources.builtin.core.pods.allocated import (
    validate_allocated,
    validate_extended_claim,
)
from apiserver.resources.builtin.core.pods.rules import validate_annotations_of_update
from apiserver.resources.builtin.parts.addresses import parse_ip
from apiserver.resources.builtin.parts.ipforms import (
    has_both_families,
    validate_new_ip,
    warnings_for_ip,
)
from apiserver.resources.builtin.parts.names import (
    identity_problems,
    validate_dns_subdomain,
    validate_qualified_name,
)
from apiserver.resources.builtin.parts.poddisabledfields import drop_disabled_status_fields
from apiserver.resources.builtin.parts.windows import LINUX, WINDOWS

Status = Mapping[str, Any]

_IMMUTABLE: Final = "field is immutable"
_SYSTEM_CONDITIONS: Final = ("PodScheduled", "Ready", "Initialized")
# The limit on repeated errors of the same sort.
_MANY: Final = 1000
_STATUSES: Final = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


def match_addresses(status: dict[str, Any]) -> None:
    """Make podIP and the first of podIPs equal, in place."""
    first, all_of_them = status.get("podIP"), status.get("podIPs")
    if first and (not all_of_them or all_of_them[0].get("ip") != first):
        status["podIPs"] = [{"ip": first}]
    elif all_of_them and not first and all_of_them[0].get("ip"):
        status["podIP"] = all_of_them[0]["ip"]


def prepare(pod: Object, old: Object) -> Object:
    """Return the old Pod with the status, and most of the metadata, of the new one."""
    status, before = dict(pod.get("status") or {}), old.get("status") or {}
    if not status.get("qosClass") and before.get("qosClass"):
        status["qosClass"] = before["qosClass"]
    # A client that does not know observedGeneration must not clear it.
    if not status.get("observedGeneration") and before.get("observedGeneration"):
        status["observedGeneration"] = before["observedGeneration"]
    observed = {
        it["type"]: it["observedGeneration"]
        for it in before.get("conditions") or ()
        if it.get("observedGeneration")
    }
    if observed and status.get("conditions"):
        status["conditions"] = [
            it
            if it.get("observedGeneration") or it["type"] not in observed
            else {**it, "observedGeneration": observed[it["type"]]}
            for it in status["conditions"]
        ]
    status = drop_disabled_status_fields(status, before)
    kept = {**old, "metadata": pod["metadata"], "status": status}
    return with_metadata(kept, ownerReferences=old["metadata"].get("ownerReferences"))


def validate(pod: Object, old: Object) -> list[FieldError]:
    """Validate a change of the status."""
    status, before, spec = pod["status"], old.get("status") or {}, old["spec"]
    errors = validate_annotations_of_update(pod, old)
    for index, condition in enumerate(status.get("conditions") or ()):
        where = f"status.conditions[{index}]"
        errors += _generation(condition, where)
        if condition["type"] not in _SYSTEM_CONDITIONS:
            errors += validate_qualified_name(condition["type"], f"{where}.Type")
    errors += _nominated(status, before, spec)
    errors += _generation(status, "status")
    if status.get("qosClass", "") != before.get("qosClass", ""):
        errors.append(invalid("status.qosClass", status.get("qosClass", ""), _IMMUTABLE))
    for part in _STATUSES:
        errors += _transitions(status.get(part) or [], before.get(part) or [], spec, part)
    errors += _claims(status.get("resourceClaimStatuses") or [], spec)
    errors += validate_extended_claim(status.get("extendedResourceClaimStatus"), spec)
    errors += _pod_ips(status, before)
    errors += _host_ips(status, before)
    for part in _STATUSES:
        errors += _users(status.get(part) or [], spec, f"status.{part}")
    for part in _STATUSES:
        errors += validate_allocated(status.get(part) or [], spec, part)
    return errors


def _generation(part: Mapping[str, Any], path: str) -> list[FieldError]:
    generation = part.get("observedGeneration", 0)
    if generation >= 0:
        return []
    return [invalid(f"{path}.observedGeneration", generation, "must be a non-negative integer")]


def _nominated(status: Status, before: Status, spec: Mapping[str, Any]) -> list[FieldError]:
    where, nominated = "status.nominatedNodeName", status.get("nominatedNodeName", "")
    if not nominated or nominated == before.get("nominatedNodeName"):
        return []
    errors = validate_dns_subdomain(nominated, where)
    if spec.get("nodeName"):
        detail = "may not be set on pods that are already bound to a node"
        errors.append(forbidden(where, detail))
    return errors


def warnings(pod: Object) -> list[str]:
    """Return the warnings about the addresses of a Pod and of its node."""
    status = pod.get("status") or {}
    return [
        warning
        for member in ("podIPs", "hostIPs")
        for index, entry in enumerate(status.get(member) or ())
        for warning in warnings_for_ip(entry.get("ip") or "", f"status.{member}[{index}].ip")
    ]


def _transitions(
    statuses: list[dict[str, Any]], old: list[dict[str, Any]], spec: Mapping[str, Any], part: str
) -> list[FieldError]:
    if not old:
        return []
    group = {"containerStatuses": "containers", "initContainerStatuses": "initContainers"}.get(part)
    if group and _restarts_all(spec):
        return []
    known = {it["name"]: it for it in (spec.get(group) or () if group else ())}
    starts = Counter(it["name"] for it in statuses if "terminated" not in it["state"])
    errors: list[FieldError] = []
    for index, before in enumerate(old):
        ended, name = before["state"].get("terminated"), before["name"]
        if ended is None or not starts[name] or len(errors) > _MANY:
            continue
        container = known.get(name)
        if container is not None and _may_run_again(ended, container, spec):
            continue
        refusal = forbidden(
            f"status.{part}[{index}].state", "may not be transitioned to non-terminated state"
        )
        errors += [refusal] * (1 if group else starts[name])
    return errors


def _may_run_again(ended: Status, container: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    code, policy = ended.get("exitCode", 0), container.get("restartPolicy")
    for rule in (container.get("restartPolicyRules") or ()) if policy is not None else ():
        codes = rule.get("exitCodes") or {}
        listed = code in (codes.get("values") or ())
        if listed == (codes.get("operator") == "In"):
            return True
    policy = policy or spec.get("restartPolicy")
    return policy == "Always" or (policy == "OnFailure" and bool(code))


def _restarts_all(spec: Mapping[str, Any]) -> bool:
    return any(
        rule.get("action") == "RestartAllContainers"
        for part in ("containers", "initContainers")
        for container in spec.get(part) or ()
        for rule in container.get("restartPolicyRules") or ()
    )


def _claims(statuses: list[dict[str, Any]], spec: Mapping[str, Any]) -> list[FieldError]:
    errors: list[FieldError] = []
    known = {claim["name"] for claim in spec.get("resourceClaims") or ()}
    seen: set[str] = set()
    for index, status in enumerate(statuses):
        where, name = f"status.resourceClaimStatuses[{index}]", status["name"]
        if name not in known:
            detail = "must match the name of an entry in `spec.resourceClaims`"
            errors.append(invalid(f"{where}.name", name, detail))
        if name in seen:
            errors.append(duplicate(f"{where}.name", name))
        seen.add(name)
        claim = status.get("resourceClaimName")
        if claim is not None:
            errors += validate_dns_subdomain(claim, f"{where}.resourceClaimName")
    return errors


def _pod_ips(status: Status, old: Status) -> list[FieldError]:
    ips = status.get("podIPs") or []
    known = {it.get("ip", "") for it in old.get("podIPs") or ()}
    errors = _valid_ips(ips, known, "status.podIPs")
    return [*errors, *_families(ips, "status.podIPs")]


def _host_ips(status: Status, old: Status) -> list[FieldError]:
    ips = status.get("hostIPs") or []
    if not ips:
        return []
    errors: list[FieldError] = []
    first = ips[0].get("ip", "")
    if status.get("hostIP", "") != first:
        errors.append(invalid("status.hostIPs[0].ip", first, "must be equal to `hostIP`"))
    known = {it.get("ip", "") for it in old.get("hostIPs") or ()}
    errors += _valid_ips(ips, known, "status.hostIPs")
    return [*errors, *_families(ips, "status.hostIPs")]


def _valid_ips(ips: list[dict[str, Any]], known: set[str], path: str) -> list[FieldError]:
    return [
        error
        for index, it in enumerate(ips)
        for error in validate_new_ip(it.get("ip", ""), f"{path}[{index}]", known)
    ]


def _families(ips: list[dict[str, Any]], path: str) -> list[FieldError]:
    texts = [it.get("ip", "") for it in ips]
    if len(texts) < 2:
        return []
    errors: list[FieldError] = []
    broken = next((index for index, text in enumerate(texts) if parse_ip(text) is None), None)
    if broken is not None:
        problem = f"invalid IP[{broken}]: {texts[broken]}"
        errors.append(internal(path, f"failed to check for dual stack with error:{problem}"))
    if len(texts) > 2 or broken is not None or not has_both_families(texts):
        shown = [{"IP": text} for text in texts]
        detail = "may specify no more than one IP for each IP family"
        errors.append(invalid(path, shown, detail))
    return errors


def _users(statuses: list[dict[str, Any]], spec: Mapping[str, Any], path: str) -> list[FieldError]:
    system = (spec.get("os") or {}).get("name", LINUX)
    errors = []
    for index, status in enumerate(statuses):
        user = (status.get("user") or {}).get("linux")
        if user is None:
            continue
        where = f"{path}[{index}].user.linux"
        if system == WINDOWS:
            errors.append(forbidden(where, "cannot be set for a windows pod"))
            continue
        ids = [(name, user.get(name, 0)) for name in ("uid", "gid")]
        groups = user.get("supplementalGroups") or ()
        ids += [(f"supplementalGroups[{number}]", group) for number, group in enumerate(groups)]
        errors += [
            invalid(f"{where}.{name}", value, problem)
            for name, value in ids
            for problem in identity_problems(value)
        ]
    return errors
