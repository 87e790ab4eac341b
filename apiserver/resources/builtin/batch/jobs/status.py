"""The rules of a Job's status.

Any controller may run a Job, so its status must be consistent for every client: a finished Job
stays finished, and counters do not decrease. A rule that a change of the spec could have broken is
checked only if one of its fields changes, so that the controller can catch up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from apiserver.machinery.fielderrors import FieldError, duplicate, invalid, required
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.builtin.apps.rules import (
    validate_counts,
)
from apiserver.resources.builtin.batch.jobs.indexes import common_index, count_indexes
from apiserver.resources.builtin.batch.jobs.policies import wrong
from apiserver.resources.builtin.batch.jobs.spec import INDEXED
from apiserver.schema.internalform import internal_form

COMPLETE, FAILED, SUSPENDED = "Complete", "Failed", "Suspended"
FAILURE_TARGET, SUCCESS_CRITERIA_MET = "FailureTarget", "SuccessCriteriaMet"
_COUNTS: Final = ("active", "succeeded", "failed", "ready", "terminating")
_CONDITIONS: Final = "status.conditions"


def has_condition(status: Mapping[str, Any], type_: str, value: str = "True") -> bool:
    """Return whether a status has a condition with the given value."""
    return any(
        condition.get("type") == type_ and condition.get("status") == value
        for condition in status.get("conditions") or ()
    )


@valueclass
class _Change:
    """The new and the old status of a Job, and its spec, with the queries of the rules."""

    spec: Object
    status: Object
    old: Object

    def is_(self, type_: str) -> bool:
        return has_condition(self.status, type_)

    def was(self, type_: str) -> bool:
        return has_condition(self.old, type_)

    @property
    def finished(self) -> bool:
        return self.is_(COMPLETE) or self.is_(FAILED)

    def turned(self, *types: str) -> bool:
        """Return whether one of the conditions was added or removed."""
        return any(self.is_(type_) != self.was(type_) for type_ in types)

    @property
    def ended(self) -> bool:
        return self.finished != (self.was(COMPLETE) or self.was(FAILED))

    def moved(self, *members: str) -> bool:
        """Return whether one of the fields changes."""
        return any(self.status.get(name) != self.old.get(name) for name in members)


_Rule: TypeAlias = Callable[[_Change], list[FieldError]]


def validate_status_update(document: Object, old: Object) -> list[FieldError]:
    """Validate a Job's status and its change."""
    change = _Change(document["spec"], document.get("status") or {}, old.get("status") or {})
    errors = validate_counts(change.status, _COUNTS, "status")
    for rule in _RULES:
        errors += rule(change)
    return errors


def _uncounted(change: _Change) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    pods = change.status.get("uncountedTerminatedPods") or {}
    for member in ("succeeded", "failed"):
        for index, uid in enumerate(pods.get(member) or ()):
            path = f"status.uncountedTerminatedPods.{member}[{index}]"
            if not uid:
                errors.append(invalid(path, uid, "must not be empty"))
            elif uid in seen:
                errors.append(duplicate(path, uid))
            seen.add(uid)
    return errors


def _one_end(change: _Change) -> list[FieldError]:
    errors: list[FieldError] = []
    if not change.is_(COMPLETE):
        return errors
    if change.turned(COMPLETE, FAILED) and change.is_(FAILED):
        errors.append(wrong(_CONDITIONS, "cannot set Complete=True and Failed=true conditions"))
    if change.turned(COMPLETE, FAILURE_TARGET) and change.is_(FAILURE_TARGET):
        detail = "cannot set Complete=True and FailureTarget=true conditions"
        errors.append(wrong(_CONDITIONS, detail))
    return errors


def _completion_time(change: _Change) -> list[FieldError]:
    path, time = "status.completionTime", change.status.get("completionTime")
    start = change.status.get("startTime")
    errors: list[FieldError] = []
    if change.turned(COMPLETE) or change.moved("completionTime"):
        if time is not None and not change.is_(COMPLETE):
            detail = "cannot set completionTime when there is no Complete=True condition"
            errors.append(invalid(path, time, detail))
        if time is None and change.is_(COMPLETE):
            errors.append(required(path, "completionTime is required for Complete jobs"))
    # Times in the same format can be compared as text.
    if change.moved("startTime", "completionTime") and start and time and time < start:
        errors.append(invalid(path, time, "must be equal to or after `startTime`"))
    return errors


def _announced(change: _Change) -> list[FieldError]:
    errors: list[FieldError] = []
    unannounced = change.is_(FAILED) and not change.is_(FAILURE_TARGET)
    if unannounced and (change.turned(FAILED) or change.moved("failedIndexes")):
        detail = "cannot set Failed=True condition without the FailureTarget=true condition"
        errors.append(wrong(_CONDITIONS, detail))
    unmet = change.is_(COMPLETE) and not change.is_(SUCCESS_CRITERIA_MET)
    if unmet and change.turned(COMPLETE, SUCCESS_CRITERIA_MET):
        detail = "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"
        errors.append(wrong(_CONDITIONS, detail))
    return errors


def _nothing_runs(change: _Change) -> list[FieldError]:
    if not change.finished:
        return []
    status, spec = change.status, change.spec
    errors: list[FieldError] = []
    active = status.get("active", 0)
    if (change.ended or change.moved("active")) and active > 0:
        errors.append(invalid("status.active", active, "active>0 is invalid for finished job"))
    never_ran = bool(spec.get("suspend")) and spec.get("completions") == 0
    if (change.ended or change.moved("startTime")) and not never_ran and "startTime" not in status:
        errors.append(required("status.startTime", "startTime is required for finished job"))
    pods = status.get("uncountedTerminatedPods") or {}
    if (change.ended or change.moved("uncountedTerminatedPods")) and any(pods.values()):
        shown = internal_form("batch.v1.UncountedTerminatedPods", pods)
        detail = "must be empty for finished job"
        errors.append(invalid("status.uncountedTerminatedPods", shown, detail))
    return errors


def _indexes(change: _Change) -> list[FieldError]:
    spec, status = change.spec, change.status
    completions, limited = spec.get("completions"), "backoffLimitPerIndex" in spec
    completed, failed = status.get("completedIndexes", ""), status.get("failedIndexes")
    errors: list[FieldError] = []
    if change.moved("completedIndexes") and completions is not None:
        errors += _readable("completedIndexes", completed, completions)
    if change.moved("failedIndexes") and completions is not None and limited:
        errors += _readable("failedIndexes", failed or "", completions)
    if change.moved("completedIndexes") and completed and spec.get("completionMode") != INDEXED:
        detail = "cannot set non-empty completedIndexes when non-indexed completion mode"
        errors.append(invalid("status.completedIndexes", completed, detail))
    if failed is None:
        return errors
    if change.moved("failedIndexes") and not limited:
        detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        errors.append(invalid("status.failedIndexes", failed, detail))
    if change.moved("failedIndexes", "completedIndexes") and completions is not None:
        index = common_index(completed, failed, completions)
        if index is not None:
            detail = f"failedIndexes and completedIndexes overlap at index: {index}"
            errors.append(invalid("status.failedIndexes", failed, detail))
    return errors


def _readable(member: str, text: str, completions: int) -> list[FieldError]:
    try:
        count_indexes(text, completions)
    except ValueError as error:
        return [invalid(f"status.{member}", text, f"error parsing {member}: {error}")]
    return []


def _pods(change: _Change) -> list[FieldError]:
    status = change.status
    errors: list[FieldError] = []
    terminating = status.get("terminating", 0)
    if (change.ended or change.moved("terminating")) and terminating > 0 and change.finished:
        detail = "terminating>0 is invalid for finished job"
        errors.append(invalid("status.terminating", terminating, detail))
    ready = status.get("ready")
    if change.moved("ready", "active") and ready is not None and ready > status.get("active", 0):
        detail = "cannot set more ready pods than active"
        errors.append(invalid("status.ready", ready, detail))
    return errors


def _success(change: _Change) -> list[FieldError]:
    details: list[str] = []
    met = change.is_(SUCCESS_CRITERIA_MET)
    if met and change.is_(FAILED):
        details.append("cannot set SuccessCriteriaMet=True and Failed=true conditions")
    if met and change.is_(FAILURE_TARGET):
        details.append("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions")
    if "successPolicy" in change.spec and not met and change.is_(COMPLETE):
        details.append(
            "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True"
        )
    return [wrong(_CONDITIONS, detail) for detail in details]


def _never_back(change: _Change) -> list[FieldError]:
    status, old, spec = change.status, change.old, change.spec
    errors = [
        wrong(_CONDITIONS, f"cannot disable the terminal {type_}=True condition")
        for type_ in (FAILED, COMPLETE, FAILURE_TARGET)
        if change.was(type_) and not change.is_(type_)
    ]
    # An indexed Job whose completions equal its parallelism may be scaled down.
    elastic = spec.get("completionMode") == INDEXED and (
        spec.get("completions") == spec.get("parallelism")
    )
    for member in ("failed", "succeeded"):
        count = status.get(member, 0)
        if count < old.get(member, 0) and not (elastic and member == "succeeded"):
            detail = f"cannot decrease the {member} counter"
            errors.append(invalid(f"status.{member}", count, detail))
    time, before = status.get("completionTime"), old.get("completionTime")
    if time is not None and before is not None and time != before:
        errors.append(invalid("status.completionTime", time, "field is immutable"))
    return errors


def _start_time(change: _Change) -> list[FieldError]:
    resumed = change.was(SUSPENDED) and has_condition(change.status, SUSPENDED, "False")
    if not change.moved("startTime") or resumed:
        return []
    if "startTime" not in change.old or change.spec.get("suspend"):
        return []
    detail = "field is immutable for unsuspended job once set"
    return [invalid("status.startTime", change.status.get("startTime"), detail)]


def _success_stays(change: _Change) -> list[FieldError]:
    if change.was(SUCCESS_CRITERIA_MET) and not change.is_(SUCCESS_CRITERIA_MET):
        return [wrong(_CONDITIONS, "cannot disable the SuccessCriteriaMet=True condition")]
    late = change.is_(SUCCESS_CRITERIA_MET) and not change.was(SUCCESS_CRITERIA_MET)
    if change.was(COMPLETE) and late:
        detail = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions"
        return [wrong(_CONDITIONS, detail)]
    return []


_RULES: Final[tuple[_Rule, ...]] = (
    _uncounted,
    _one_end,
    _completion_time,
    _announced,
    _nothing_runs,
    _indexes,
    _pods,
    _success,
    _never_back,
    _start_time,
    _success_stays,
)
