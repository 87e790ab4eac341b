"""The level ``restricted``: hardening best practices."""

from __future__ import annotations

from typing import Final

from apiserver.access.admission.plugins.pod_security.baseline import masked_proc, unconfined
from apiserver.access.admission.plugins.pod_security.pods import (
    Pod,
    Violation,
    context_of,
    listed,
    plural,
    quoted,
    setters,
)

_CONFINED: Final = ("RuntimeDefault", "Localhost")
_BIND: Final = "NET_BIND_SERVICE"
_VOLUMES: Final = frozenset(
    [
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image",
        "persistentVolumeClaim", "projected", "secret",
    ]
)  # fmt: skip


def allow_privilege_escalation(pod: Pod) -> Violation | None:
    """Require ``allowPrivilegeEscalation: false``."""
    if pod.is_exempt:
        return None
    names = [
        c["name"]
        for c in pod.containers
        if context_of(c).get("allowPrivilegeEscalation") is not False
    ]
    if not names:
        return None
    detail = f"{listed('container', names)} must set securityContext.allowPrivilegeEscalation=false"
    return Violation("allowPrivilegeEscalation != false", detail)


def capabilities(pod: Pod) -> Violation | None:
    """Require all capabilities dropped, except NET_BIND_SERVICE."""
    if pod.is_exempt:
        return None
    keeping, adding = [], []
    extra: set[str] = set()
    for container in pod.containers:
        given = context_of(container).get("capabilities") or {}
        if "ALL" not in (given.get("drop") or ()):
            keeping.append(container["name"])
        added = set(given.get("add") or ()) - {_BIND}
        if added:
            adding.append(container["name"])
            extra |= added
    details = []
    if keeping:
        details.append(
            f'{listed("container", keeping)} must set securityContext.capabilities.drop=["ALL"]'
        )
    if adding:
        details.append(
            f"{listed('container', adding)} must not include {quoted(sorted(extra))} in "
            "securityContext.capabilities.add"
        )
    return Violation("unrestricted capabilities", "; ".join(details)) if details else None


def proc_mount(pod: Pod) -> Violation | None:
    """Forbid an unmasked /proc."""
    return masked_proc(pod)


def volumes(pod: Pod) -> Violation | None:
    """Restrict volumes to non-node sources and claims."""
    bad: list[str] = []
    types: set[str] = set()
    for volume in pod.spec.get("volumes") or ():
        its = {member for member in volume if member != "name"} - _VOLUMES
        if its:
            bad.append(volume["name"])
            types |= its
    if not bad:
        return None
    verb = "uses" if len(bad) == 1 else "use"
    what = plural("restricted volume type", len(types))
    detail = f"{listed('volume', bad)} {verb} {what} {quoted(sorted(types))}"
    return Violation("restricted volume types", detail)


def run_as_non_root(pod: Pod) -> Violation | None:
    """Require ``runAsNonRoot: true``."""
    if pod.is_confined:
        return None
    reason, wanted = "runAsNonRoot != true", pod.context.get("runAsNonRoot")
    explicit, implicit = [], []
    for container in pod.containers:
        its = context_of(container).get("runAsNonRoot")
        if its is False:
            explicit.append(container["name"])
        elif its is None and not wanted:
            implicit.append(container["name"])
    if wanted is False or explicit:
        who = setters(wanted is False, explicit)
        return Violation(reason, f"{who} must not set securityContext.runAsNonRoot=false")
    if not implicit:
        return None
    who = f"pod or {listed('container', implicit)}"
    return Violation(reason, f"{who} must set securityContext.runAsNonRoot=true")


def run_as_user(pod: Pod) -> Violation | None:
    """Forbid the user 0."""
    if pod.is_confined:
        return None
    bad_pod = pod.context.get("runAsUser") == 0
    names = [c["name"] for c in pod.containers if context_of(c).get("runAsUser") == 0]
    if not bad_pod and not names:
        return None
    return Violation("runAsUser=0", f"{setters(bad_pod, names)} must not set runAsUser=0")


def seccomp_profile(pod: Pod) -> Violation | None:
    """Require a seccomp profile other than Unconfined."""
    if pod.is_exempt:
        return None
    of_pod = pod.context.get("seccompProfile")
    pod_type = None if of_pod is None else of_pod.get("type", "")
    explicit, implicit = [], []
    for container in pod.containers:
        profile = context_of(container).get("seccompProfile")
        if profile is None:
            if pod_type not in _CONFINED:
                implicit.append(container["name"])
        elif profile.get("type", "") not in _CONFINED:
            explicit.append(container["name"])
    bad_pod = pod_type is not None and pod_type not in _CONFINED
    wrong = unconfined(pod, explicit, bad_pod=bad_pod)
    if wrong is not None or not implicit:
        return wrong
    detail = (
        f"pod or {listed('container', implicit)} must set securityContext.seccompProfile.type to "
        '"RuntimeDefault" or "Localhost"'
    )
    return Violation("seccompProfile", detail)
