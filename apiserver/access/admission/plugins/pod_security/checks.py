"""The checks of each level, in order, and their messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from apiserver.access.admission.plugins.pod_security import baseline, restricted
from apiserver.access.admission.plugins.pod_security.pods import Pod, Violation
from apiserver.access.admission.plugins.pod_security.policy import RESTRICTED, LevelVersion
from apiserver.machinery.valueclasses import valueclass

__all__ = ["Violation", "violations"]


@valueclass
class _Check:
    """A check since Kubernetes 1.``since``; ``stricter`` is the check that replaces it."""

    run: Callable[[Pod], Violation | None]
    since: int = 0
    stricter: str = ""


_BASELINE: Final = (
    _Check(baseline.app_armor_profile),
    _Check(baseline.capabilities, stricter="capabilities"),
    _Check(baseline.host_namespaces),
    _Check(baseline.host_path_volumes, stricter="volumes"),
    _Check(baseline.host_ports),
    _Check(baseline.host_of_probes, since=34),
    _Check(baseline.privileged),
    _Check(baseline.proc_mount, stricter="proc_mount"),
    _Check(baseline.se_linux_options),
    _Check(baseline.seccomp_profile, since=19, stricter="seccomp_profile"),
    _Check(baseline.sysctls),
    _Check(baseline.windows_host_process),
)
_RESTRICTED: Final = (
    _Check(restricted.allow_privilege_escalation, since=8),
    _Check(restricted.capabilities, since=22),
    _Check(restricted.proc_mount, since=35),
    _Check(restricted.volumes),
    _Check(restricted.run_as_non_root),
    _Check(restricted.run_as_user, since=23),
    _Check(restricted.seccomp_profile, since=19),
)


def violations(
    policy: LevelVersion, metadata: dict[str, Any], spec: dict[str, Any]
) -> list[Violation]:
    """Return all violations of a policy by a Pod."""
    pod = Pod(metadata, spec, policy.minor)
    checks = [check for check in _BASELINE if check.since <= policy.minor]
    if policy.level == RESTRICTED:
        added = [check for check in _RESTRICTED if check.since <= policy.minor]
        names = {check.run.__name__ for check in added}
        checks = [check for check in checks if check.stricter not in names] + added
    found = (check.run(pod) for check in checks)
    return [violation for violation in found if violation is not None]
