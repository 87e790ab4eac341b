"""The table of ``kubectl get pods``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.podresources import is_restartable
from apiserver.resources.printing import AGE, NAME, NONE, Column, Printer, age_of

_SPEC: Final = "api.core.v1.PodSpec"
_STATUS: Final = "api.core.v1.PodStatus"

_COLUMNS: Final = (
    NAME,
    Column("Ready", "The aggregate readiness state of this pod for accepting traffic."),
    Column("Status", "The aggregate status of the containers in this pod."),
    Column(
        "Restarts",
        "The number of times the containers in this pod have been restarted and when the last "
        "container in this pod has restarted.",
    ),
    AGE,
    Column("IP", source=f"{_STATUS}.podIP", priority=1),
    Column("Node", source=f"{_SPEC}.nodeName", priority=1),
    Column("Nominated Node", source=f"{_STATUS}.nominatedNodeName", priority=1),
    Column("Readiness Gates", source=f"{_SPEC}.readinessGates", priority=1),
)
_ENDINGS: Final[Mapping[str, str]] = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}

Status = Mapping[str, Any]


@dataclass(slots=True)
class _Tally:
    """Totals of container statuses."""

    reason: str
    restarts: int = 0
    #: The time when a restarted container last terminated.
    last: str = ""
    ready: int = 0
    running: bool = False

    def count(self, status: Status) -> None:
        """Add the restarts of a container."""
        self.restarts += status["restartCount"]
        ended = (status["lastState"].get("terminated") or {}).get("finishedAt")
        # Times in their canonical form sort as text.
        if ended and ended > self.last:
            self.last = ended


def _cells(pod: Object, now: float) -> list[Any]:
    spec, status, metadata = pod["spec"], pod.get("status") or {}, pod["metadata"]
    sidecars = {it["name"] for it in spec.get("initContainers") or () if is_restartable(it)}
    tally = _tally(pod, sidecars)
    restarts = str(tally.restarts)
    if tally.restarts and tally.last:
        restarts += f" ({age_of(tally.last, now)} ago)"
    total = len(spec.get("containers") or ()) + len(sidecars)
    ips: list[dict[str, Any]] = status.get("podIPs") or [{}]
    return [
        metadata.get("name", ""),
        f"{tally.ready}/{total}",
        _reason(pod, tally),
        restarts,
        age_of(metadata.get("creationTimestamp"), now),
        ips[0].get("ip") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _gates(spec, status),
    ]


def _tally(pod: Object, sidecars: set[str]) -> _Tally:
    status = pod.get("status") or {}
    tally = _Tally(_first_reason(status))
    beside = _Tally("")
    initializing = _count_starting(pod, sidecars, tally, beside)
    if initializing and not _is_true(status, "Initialized"):
        return tally
    tally.restarts, tally.last = beside.restarts, beside.last
    failure = ""
    for container in reversed(status.get("containerStatuses") or ()):
        tally.count(container)
        reason = _container_reason(container["state"])
        if reason:
            tally.reason = reason
            if (container["state"].get("terminated") or {}).get("exitCode"):
                failure = reason
        elif container["ready"] and "running" in container["state"]:
            tally.running = True
            tally.ready += 1
    if tally.reason == "Completed":
        tally.reason = _completed(status, failure, running=tally.running)
    return tally


def _completed(status: Status, failure: str, *, running: bool) -> str:
    """Return the reason of a Pod in which a container has completed."""
    if running and _is_true(status, "Ready"):
        return "Running"
    return failure or ("NotReady" if running else "Completed")


def _first_reason(status: Status) -> str:
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            return "SchedulingGated"
    reason: str = status.get("reason") or status.get("phase", "")
    return reason


def _count_starting(pod: Object, sidecars: set[str], tally: _Tally, beside: _Tally) -> bool:
    """Count init containers up to the first that is not done; tell whether there is one."""
    for index, container in enumerate((pod.get("status") or {}).get("initContainerStatuses") or ()):
        tally.count(container)
        is_sidecar = container["name"] in sidecars
        if is_sidecar:
            beside.count(container)
        ended = container["state"].get("terminated")
        if ended is not None and not ended.get("exitCode"):
            continue
        if is_sidecar and container.get("started"):
            tally.ready += container["ready"]
            continue
        waiting = (container["state"].get("waiting") or {}).get("reason")
        if ended is not None:
            tally.reason = f"Init:{_container_reason(container['state'])}"
        elif waiting and waiting != "PodInitializing":
            tally.reason = f"Init:{waiting}"
        else:
            tally.reason = f"Init:{index}/{len(pod['spec'].get('initContainers') or ())}"
        return True
    return False


def _container_reason(state: Status) -> str:
    waiting = (state.get("waiting") or {}).get("reason", "")
    ended = state.get("terminated")
    if waiting or ended is None:
        return str(waiting)
    if ended.get("reason"):
        return str(ended["reason"])
    signal = ended.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{ended.get('exitCode', 0)}"


def _reason(pod: Object, tally: _Tally) -> str:
    if "deletionTimestamp" not in pod["metadata"]:
        return tally.reason
    status = pod.get("status") or {}
    if status.get("reason") == "NodeLost":
        return "Unknown"
    return tally.reason if status.get("phase") in _ENDINGS else "Terminating"


def _is_true(status: Status, condition: str) -> bool:
    return any(
        it["type"] == condition and it["status"] == "True" for it in status.get("conditions") or ()
    )


def _gates(spec: Mapping[str, Any], status: Status) -> str:
    gates = spec.get("readinessGates")
    if not gates:
        return NONE
    passed = sum(_is_true(status, gate["conditionType"]) for gate in gates)
    return f"{passed}/{len(gates)}"


def _row_conditions(pod: Object) -> list[dict[str, Any]]:
    phase = (pod.get("status") or {}).get("phase", "")
    message = _ENDINGS.get(phase)
    if message is None:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": message}]


PRINTER: Final = Printer(_COLUMNS, _cells, _row_conditions)
