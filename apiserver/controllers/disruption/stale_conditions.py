"""The condition DisruptionTarget of Pods that have not been deleted after all. Pure.

It announces that a Pod is about to be deleted. If that has not happened after two minutes, the
condition becomes False. Kubelets announce the end of a Pod long before it is deleted, so theirs
stay, and so do those of Pods that have ended (KEP-3329).
"""

from __future__ import annotations

from typing import Final

from apiserver.machinery.objects import Object
from apiserver.machinery.times import format_seconds, parse
from apiserver.registry.subresources.podconditions import with_condition

#: How long a Pod may be the target of a disruption without being deleted, in seconds.
STALE_TIMEOUT: Final = 120.0
_TARGET: Final = "DisruptionTarget"
_BY_KUBELET: Final = "TerminationByKubelet"
_ENDED: Final = ("Succeeded", "Failed")


def seconds_until_stale(pod: Object, now: float) -> float | None:
    """Return when the condition of a Pod becomes stale; ``None`` if it has none that can."""
    status = pod.get("status") or {}
    conditions = status.get("conditions") or ()
    target = next((each for each in conditions if each["type"] == _TARGET), None)
    if (
        target is None
        or target["status"] != "True"
        or target.get("reason") == _BY_KUBELET
        or status.get("phase") in _ENDED
        or "deletionTimestamp" in pod["metadata"]
    ):
        return None
    since = target.get("lastTransitionTime")
    return max(parse(since)[0] + STALE_TIMEOUT - now, 0.0) if since else 0.0


def without_target(pod: Object, now: float) -> Object:
    """Return a Pod that is the target of no disruption."""
    return with_condition(pod, {"type": _TARGET, "status": "False"}, format_seconds(int(now)))
