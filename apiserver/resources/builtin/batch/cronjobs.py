"""CronJob."""

from __future__ import annotations

import re
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, not_supported, required
from apiserver.machinery.objects import Object, name_of
from apiserver.resources.builtin.apps.rules import (
    validate_counts,
)
from apiserver.resources.builtin.apps.workloads import (
    CONTAINERS,
    IMAGES,
    WorkloadStrategy,
)
from apiserver.resources.builtin.batch.cron import ScheduleError, check_schedule, zone_exists
from apiserver.resources.builtin.batch.jobs import default_failure_policy
from apiserver.resources.builtin.batch.jobs.spec import validate_job_spec, warnings_for_job_spec
from apiserver.resources.builtin.parts.labelselector import format_selector
from apiserver.resources.builtin.parts.podtemplate import containers_and_images
from apiserver.resources.printing import AGE, NAME, NONE, UNSET, Column, Printer, age_of
from apiserver.schema.internalform import internal_selector

_POLICIES: Final = ("Allow", "Forbid", "Replace")
# The controller puts a dash and ten digits after the name, and the names of Jobs have 63 at most.
_MAX_NAME: Final = 52
_ZONE_PART: Final = re.compile(r"[A-Za-z._0-9+\-]{1,14}")
_SPEC: Final = "api.batch.v1.CronJobSpec"
_STATUS: Final = "api.batch.v1.CronJobStatus"

_COLUMNS: Final = (
    NAME,
    Column("Schedule", source=f"{_SPEC}.schedule"),
    Column("Timezone", source=f"{_SPEC}.timeZone"),
    Column("Suspend", type="boolean", source=f"{_SPEC}.suspend"),
    Column("Active", type="integer", source=f"{_STATUS}.active"),
    Column("Last Schedule", source=f"{_STATUS}.lastScheduleTime"),
    AGE,
    CONTAINERS,
    IMAGES,
    Column("Selector", source="api.batch.v1.JobSpec.selector", priority=1),
)


def _cells(document: Object, now: float) -> list[Any]:
    metadata, spec, status = document["metadata"], document["spec"], document.get("status") or {}
    job, last = spec["jobTemplate"]["spec"], status.get("lastScheduleTime")
    return [
        metadata.get("name", ""),
        spec.get("schedule", ""),
        spec.get("timeZone", NONE),
        str(spec["suspend"]) if "suspend" in spec else UNSET,
        len(status.get("active") or ()),
        age_of(last, now) if last else NONE,
        age_of(metadata.get("creationTimestamp"), now),
        *containers_and_images(job["template"]["spec"]),
        format_selector(job.get("selector")),
    ]


class CronJobStrategy(WorkloadStrategy):
    """A CronJob creates Jobs from a template on a schedule."""

    template_at = ("spec", "jobTemplate", "spec", "template")
    printer = Printer(_COLUMNS, _cells)

    def default_spec(self, document: Object) -> None:
        spec = document["spec"]
        if not spec.get("concurrencyPolicy"):
            spec["concurrencyPolicy"] = _POLICIES[0]
        spec.setdefault("suspend", False)
        spec.setdefault("successfulJobsHistoryLimit", 3)
        spec.setdefault("failedJobsHistoryLimit", 1)
        default_failure_policy(spec["jobTemplate"]["spec"])

    def validate(self, document: Object) -> list[FieldError]:
        errors = _validate_spec(document["spec"], None)
        name = name_of(document)
        if len(name.encode()) > _MAX_NAME:
            detail = f"must be no more than {_MAX_NAME} characters"
            errors.append(invalid("metadata.name", name, detail))
        return errors

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return _validate_spec(document["spec"], old["spec"])

    def warnings_for_template(self, document: Object, old: Object | None) -> list[str]:
        job, path = document["spec"]["jobTemplate"]["spec"], "spec.jobTemplate.spec"
        return warnings_for_job_spec(job, path) + super().warnings_for_template(document, old)


def _validate_spec(spec: Object, old: Object | None) -> list[FieldError]:
    errors = _validate_schedule(spec, old)
    errors += validate_counts(spec, ("startingDeadlineSeconds",), "spec")
    zone = spec.get("timeZone")
    if zone is not None and (old is None or zone != old.get("timeZone")):
        errors += _validate_zone(zone, "spec.timeZone")
    policy = spec.get("concurrencyPolicy")
    if not policy:
        errors.append(required("spec.concurrencyPolicy"))
    elif policy not in _POLICIES:
        errors.append(not_supported("spec.concurrencyPolicy", policy, _POLICIES))
    before = old["jobTemplate"]["spec"] if old else None
    errors += _validate_job(spec["jobTemplate"]["spec"], before, "spec.jobTemplate.spec")
    limits = ("successfulJobsHistoryLimit", "failedJobsHistoryLimit")
    return errors + validate_counts(spec, limits, "spec")


def _validate_schedule(spec: Object, old: Object | None) -> list[FieldError]:
    schedule, path = spec.get("schedule"), "spec.schedule"
    if not schedule:
        return [required(path)]
    errors: list[FieldError] = []
    try:
        check_schedule(schedule)
    except ScheduleError as error:
        errors.append(invalid(path, schedule, str(error)))
    if "TZ" not in schedule:
        return errors
    # Time zones in schedules were never supported; existing ones may stay.
    if old is None or "TZ" not in old.get("schedule", ""):
        detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        errors.append(invalid(path, schedule, detail))
    elif "timeZone" in spec:
        detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        errors.append(invalid(path, schedule, detail))
    return errors


def _validate_zone(zone: str, path: str) -> list[FieldError]:
    if not zone:
        return [invalid(path, zone, "timeZone must be nil or non-empty string")]
    unknown = invalid(path, zone, f"unknown time zone {zone}")
    for part in zone.split("/"):
        if part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part):
            return [unknown]
    errors: list[FieldError] = []
    if zone.lower() == "local":
        detail = (
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        )
        errors.append(invalid(path, zone, detail))
    return errors if zone_exists(zone) else [*errors, unknown]


def _validate_job(spec: Object, old: Object | None, path: str) -> list[FieldError]:
    errors = validate_job_spec(spec, old, path)
    if "selector" in spec:
        shown = internal_selector(spec["selector"])
        detail = "`selector` will be auto-generated"
        errors.append(invalid(f"{path}.selector", shown, detail))
    if spec.get("manualSelector"):
        manual = spec["manualSelector"]
        errors.append(not_supported(f"{path}.manualSelector", manual, ("nil", "false")))
    return errors


STRATEGY = CronJobStrategy
