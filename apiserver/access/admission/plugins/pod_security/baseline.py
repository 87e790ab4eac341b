"""The level ``baseline``: no known privilege escalations."""

from __future__ import annotations

from typing import Any, Final

from apiserver.access.admission.plugins.pod_security.pods import (
    Pod,
    Violation,
    context_of,
    listed,
    plural,
    quoted,
    setters,
)

_APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_CAPABILITIES: Final = frozenset(
    [
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
        "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    ]
)  # fmt: skip
_CONFINED: Final = ("RuntimeDefault", "Localhost")
_NAMESPACES: Final = ("hostNetwork", "hostPID", "hostIPC")
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS: Final = ("postStart", "preStop")
# SELinux types of processes, and the version of Kubernetes that allows them.
_SE_LINUX_TYPES: Final = {
    "": 0,
    "container_t": 0,
    "container_init_t": 0,
    "container_kvm_t": 0,
    "container_engine_t": 31,
}
_SYSCTLS: Final = {
    "kernel.shm_rmid_forced": 0,
    "net.ipv4.ip_local_port_range": 0,
    "net.ipv4.ip_unprivileged_port_start": 0,
    "net.ipv4.tcp_syncookies": 0,
    "net.ipv4.ping_group_range": 0,
    "net.ipv4.ip_local_reserved_ports": 27,
    "net.ipv4.tcp_keepalive_time": 29,
    "net.ipv4.tcp_fin_timeout": 29,
    "net.ipv4.tcp_keepalive_intvl": 29,
    "net.ipv4.tcp_keepalive_probes": 29,
    "net.ipv4.tcp_rmem": 32,
    "net.ipv4.tcp_wmem": 32,
}


def app_armor_profile(pod: Pod) -> Violation | None:
    """Forbid disabling or overriding AppArmor."""
    values: set[str] = set()
    named = []
    if _is_unconfined(pod.context, "appArmorProfile"):
        values.add(pod.context["appArmorProfile"].get("type", ""))
        named.append("pod")
    containers = [c for c in pod.containers if _is_unconfined(context_of(c), "appArmorProfile")]
    values |= {context_of(c)["appArmorProfile"].get("type", "") for c in containers}
    if containers:
        named.append(listed("container", [c["name"] for c in containers]))
    annotated = sorted(
        key
        for key, value in pod.annotations.items()
        if key.startswith(_APP_ARMOR)
        and value not in ("", "runtime/default")
        and not value.startswith("localhost/")
    )
    values |= {pod.annotations[key] for key in annotated}
    if annotated:
        named.append(listed("annotation", annotated))
    if not named:
        return None
    detail = f"{' and '.join(named)} must not set AppArmor profile type to {quoted(sorted(values))}"
    return Violation(plural("forbidden AppArmor profile", len(values)), detail)


def _is_unconfined(context: dict[str, Any], member: str) -> bool:
    profile = context.get(member)
    return profile is not None and profile.get("type", "") not in _CONFINED


def capabilities(pod: Pod) -> Violation | None:
    """Forbid capabilities beyond the default set."""
    added = {
        container["name"]: set((context_of(container).get("capabilities") or {}).get("add") or ())
        - _CAPABILITIES
        for container in pod.containers
    }
    names = [name for name, extra in added.items() if extra]
    if not names:
        return None
    extra = quoted(sorted(set().union(*added.values())))
    detail = (
        f"{listed('container', names)} must not include {extra} in securityContext.capabilities.add"
    )
    return Violation("non-default capabilities", detail)


def host_namespaces(pod: Pod) -> Violation | None:
    """Forbid sharing the host's namespaces."""
    shared = [f"{member}=true" for member in _NAMESPACES if pod.spec.get(member)]
    return Violation("host namespaces", ", ".join(shared)) if shared else None


def host_path_volumes(pod: Pod) -> Violation | None:
    """Forbid hostPath volumes."""
    volumes = pod.spec.get("volumes") or ()
    names = [volume["name"] for volume in volumes if volume.get("hostPath") is not None]
    return Violation("hostPath volumes", listed("volume", names)) if names else None


def host_ports(pod: Pod) -> Violation | None:
    """Forbid host ports."""
    ports: set[str] = set()
    names = []
    for container in pod.containers:
        its = [port["hostPort"] for port in container.get("ports") or () if port.get("hostPort")]
        if its:
            names.append(container["name"])
            ports.update(map(str, its))
    return _using("hostPort", names, sorted(ports))


def host_of_probes(pod: Pod) -> Violation | None:
    """Forbid the field ``host`` in probes and lifecycle hooks."""
    hosts: set[str] = set()
    names = []
    for container in pod.containers:
        handlers = [container.get(member) or {} for member in _PROBES]
        lifecycle = container.get("lifecycle") or {}
        handlers += [lifecycle.get(member) or {} for member in _HOOKS]
        asked = {
            (handler.get(action) or {}).get("host") or ""
            for handler in handlers
            for action in ("httpGet", "tcpSocket")
        } - {""}
        if asked:
            names.append(container["name"])
            hosts |= asked
    return _using("probe or lifecycle host", names, sorted(hosts))


def _using(what: str, names: list[str], values: list[str]) -> Violation | None:
    if not names:
        return None
    verb = "uses" if len(names) == 1 else "use"
    shown = f"{plural(what, len(values))} {', '.join(values)}"
    return Violation(what, f"{listed('container', names)} {verb} {shown}")


def privileged(pod: Pod) -> Violation | None:
    """Forbid privileged containers."""
    names = [c["name"] for c in pod.containers if context_of(c).get("privileged")]
    if not names:
        return None
    detail = f"{listed('container', names)} must not set securityContext.privileged=true"
    return Violation("privileged", detail)


def proc_mount(pod: Pod) -> Violation | None:
    """Forbid an unmasked /proc, unless the Pod has a user namespace."""
    return None if pod.is_confined else masked_proc(pod)


def masked_proc(pod: Pod) -> Violation | None:
    """Forbid an unmasked /proc."""
    masks = {c["name"]: context_of(c).get("procMount") for c in pod.containers}
    bad = {name: mask for name, mask in masks.items() if mask not in (None, "Default")}
    if not bad:
        return None
    values = quoted(sorted(set(filter(None, bad.values()))))
    detail = f"{listed('container', list(bad))} must not set securityContext.procMount to {values}"
    return Violation("procMount", detail)


def se_linux_options(pod: Pod) -> Violation | None:
    """Forbid SELinux users and roles, and types other than those of containers."""
    options = [("", pod.context.get("seLinuxOptions"))]
    options += [(c["name"], context_of(c).get("seLinuxOptions")) for c in pod.containers]
    types: set[str] = set()
    members: set[str] = set()
    names = []
    for name, given in options:
        type_ = (given or {}).get("type", "")
        wrong = _SE_LINUX_TYPES.get(type_, pod.minor + 1) > pod.minor
        set_members = {member for member in ("user", "role") if (given or {}).get(member)}
        if wrong:
            types.add(type_)
        if wrong or set_members:
            names.append(name)
        members |= set_members
    if not names:
        return None
    details = [f"{plural('type', len(types))} {quoted(sorted(types))}"] if types else []
    details += [f"{m} may not be set" for m in ("user", "role") if m in members]
    who = setters("" in names, [name for name in names if name])
    detail = f"{who} set forbidden securityContext.seLinuxOptions: {'; '.join(details)}"
    return Violation("seLinuxOptions", detail)


def seccomp_profile(pod: Pod) -> Violation | None:
    """Forbid the profile Unconfined."""
    bad_pod = _is_unconfined(pod.context, "seccompProfile")
    bad = [c for c in pod.containers if _is_unconfined(context_of(c), "seccompProfile")]
    return unconfined(pod, [c["name"] for c in bad], bad_pod=bad_pod)


def unconfined(pod: Pod, names: list[str], *, bad_pod: bool) -> Violation | None:
    """Return the violation of setting the profile Unconfined."""
    if not bad_pod and not names:
        return None
    contexts = [context_of(c) for c in pod.containers if c["name"] in names]
    contexts += [pod.context] if bad_pod else []
    types = sorted({context["seccompProfile"].get("type", "") for context in contexts})
    who = setters(bad_pod, names)
    detail = f"{who} must not set securityContext.seccompProfile.type to {quoted(types)}"
    return Violation("seccompProfile", detail)


def sysctls(pod: Pod) -> Violation | None:
    """Forbid sysctls that are not in the safe set."""
    given = [parameter["name"] for parameter in pod.context.get("sysctls") or ()]
    bad = sorted({name for name in given if _SYSCTLS.get(name, pod.minor + 1) > pod.minor})
    return Violation("forbidden sysctls", ", ".join(bad)) if bad else None


def windows_host_process(pod: Pod) -> Violation | None:
    """Forbid Windows HostProcess containers."""
    bad_pod = bool((pod.context.get("windowsOptions") or {}).get("hostProcess"))
    names = [
        c["name"]
        for c in pod.containers
        if (context_of(c).get("windowsOptions") or {}).get("hostProcess")
    ]
    if not bad_pod and not names:
        return None
    who = setters(bad_pod, names)
    detail = f"{who} must not set securityContext.windowsOptions.hostProcess=true"
    return Violation("hostProcess", detail)
