"""Job.

Unless ``manualSelector`` is set, the server generates a selector from the Job's uid and labels the
template accordingly, so that the selector matches only the Job's Pods.
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.labels import label_selector_of
from apiserver.machinery.names import dns1123_label_problems
from apiserver.machinery.objects import Object, with_metadata
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import parse
from apiserver.resources.builtin.apps.rules import (
    validate_same,
)
from apiserver.resources.builtin.apps.workloads import (
    CONTAINERS,
    IMAGES,
    WorkloadStrategy,
    template_cells,
    validate_match,
)
from apiserver.resources.builtin.batch.jobs.changes import validate_template_change
from apiserver.resources.builtin.batch.jobs.spec import (
    FAILED,
    INDEXED,
    NON_INDEXED,
    TERMINATING_OR_FAILED,
    validate_job_spec,
    warnings_for_job_spec,
)
from apiserver.resources.builtin.batch.jobs.status import (
    COMPLETE,
    FAILURE_TARGET,
    SUCCESS_CRITERIA_MET,
    SUSPENDED,
    has_condition,
    validate_status_update,
)
from apiserver.resources.builtin.fields import number
from apiserver.resources.builtin.parts.labelselector import (
    format_selector,
    validate_label_selector,
)
from apiserver.resources.objectmeta import validate_change
from apiserver.resources.printing import AGE, NAME, Column, Printer, age_of, human_duration
from apiserver.resources.strategy import ORPHAN, WHOLE
from apiserver.schema.internalform import (
    internal_form,
    internal_map,
    internal_selector,
)

_UID: Final = "batch.kubernetes.io/controller-uid"
_NAME: Final = "batch.kubernetes.io/job-name"
_OLD_UID, _OLD_NAME = "controller-uid", "job-name"
_MAX_INT32: Final = (1 << 31) - 1
_PRESERVED: Final = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background "
    "to remove them or set propagationPolicy=Orphan to suppress this warning"
)
# The first that a Job has is its state.
_STATES: Final = (SUSPENDED, FAILURE_TARGET, SUCCESS_CRITERIA_MET)
_FIELDS: Final = {"status.successful": number("status.succeeded")}

_COLUMNS: Final = (
    NAME,
    Column("Status", "Status of the job."),
    Column("Completions", source="api.batch.v1.JobStatus.succeeded"),
    Column("Duration", "Time required to complete the job."),
    AGE,
    CONTAINERS,
    IMAGES,
    Column("Selector", source="api.batch.v1.JobSpec.selector", priority=1),
)


def _cells(document: Object, now: float) -> list[Any]:
    metadata = document["metadata"]
    return [
        metadata.get("name", ""),
        _state(document),
        _completions(document),
        _duration(document.get("status") or {}, now),
        age_of(metadata.get("creationTimestamp"), now),
        *template_cells(document),
        format_selector(document["spec"].get("selector")),
    ]


def _state(document: Object) -> str:
    status = document.get("status") or {}
    for end in (COMPLETE, FAILED):
        if has_condition(status, end):
            return end
    if "deletionTimestamp" in document["metadata"]:
        return "Terminating"
    return next((state for state in _STATES if has_condition(status, state)), "Running")


def _completions(document: Object) -> str:
    spec = document["spec"]
    succeeded = (document.get("status") or {}).get("succeeded", 0)
    if "completions" in spec:
        return f"{succeeded}/{spec['completions']}"
    parallelism = spec.get("parallelism", 0)
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _duration(status: Object, now: float) -> str:
    start, end = status.get("startTime"), status.get("completionTime")
    if start is None:
        return ""
    return human_duration((now if end is None else parse(end)[0]) - parse(start)[0])


class JobStrategy(WorkloadStrategy):
    """A Job runs Pods until enough of them have succeeded, or too many have failed."""

    # The change of metadata is validated after the new spec and before the spec's change.
    metadata_checks = (WHOLE,)
    default_garbage_collection_policy = ORPHAN
    fields = _FIELDS
    printer = Printer(_COLUMNS, _cells)

    def unknown_field(self, field: str) -> str:
        return f"field label {quote(field)} not supported for Job"

    def default_spec(self, document: Object) -> None:
        spec, metadata = document["spec"], document["metadata"]
        if "completions" not in spec and "parallelism" not in spec:
            spec["completions"] = 1
        spec.setdefault("parallelism", 1)
        limit = _MAX_INT32 if "backoffLimitPerIndex" in spec else 6
        spec.setdefault("backoffLimit", limit)
        labels = spec["template"]["metadata"].get("labels")
        if labels and not metadata.get("labels"):
            metadata["labels"] = dict(labels)
        spec.setdefault("completionMode", NON_INDEXED)
        spec.setdefault("suspend", False)
        default_failure_policy(spec)
        spec.setdefault("manualSelector", False)
        policy = FAILED if "podFailurePolicy" in spec else TERMINATING_OR_FAILED
        spec.setdefault("podReplacementPolicy", policy)

    def prepare_for_create(self, document: Object) -> Object:
        prepared = super().prepare_for_create(document)
        if prepared["spec"].get("manualSelector"):
            return prepared
        return _selecting_its_own(prepared)

    def validate(self, document: Object) -> list[FieldError]:
        return _validate(document, None)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        spec, before = document["spec"], old["spec"]
        # Kubernetes validates the new object, then the change, which starts with its spec.
        return [
            *_validate(document, old),
            *validate_change(document, old, self),
            *_validate_spec(spec, before),
            *_validate_completions(spec, before),
            *validate_same(
                spec.get("selector"),
                before.get("selector"),
                "spec.selector",
                internal_selector(spec.get("selector")),
            ),
            *validate_template_change(document, old),
            *_validate_fixed(spec, before),
        ]

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return validate_status_update(document, old)

    def warnings_on_delete(self, options: DeleteOptions) -> list[str]:
        if options.orphan_dependents is None and options.propagation_policy is None:
            return [_PRESERVED]
        return []

    def warnings_for_template(self, document: Object, old: Object | None) -> list[str]:
        warnings = warnings_for_job_spec(document["spec"], "spec")
        return warnings + super().warnings_for_template(document, old)


def default_failure_policy(spec: Object) -> None:
    """Fill in, in place, that a condition of a Pod counts when it is true."""
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            if not pattern.get("status"):
                pattern["status"] = "True"


def _selecting_its_own(document: Object) -> Object:
    metadata, spec, template = document["metadata"], document["spec"], document["spec"]["template"]
    name, uid = metadata.get("name", ""), metadata["uid"]
    given = template["metadata"].get("labels") or {}
    labels = {_OLD_NAME: name, _NAME: name, _OLD_UID: uid, _UID: uid, **given}
    selector = spec.get("selector") or {}
    matching = {_UID: uid, **(selector.get("matchLabels") or {})}
    changed = {
        **spec,
        "selector": {**selector, "matchLabels": matching},
        "template": with_metadata(template, labels=labels),
    }
    document = {**document, "spec": changed}
    # A Job without labels gets those of the template, including the generated ones.
    if metadata.get("labels") and metadata["labels"] != given:
        return document
    if given and "generateName" in metadata:
        return document
    return with_metadata(document, labels=dict(labels))


def _validate(document: Object, old: Object | None) -> list[FieldError]:
    metadata, spec = document["metadata"], document["spec"]
    errors = _validate_own_selector(document, old)
    errors += _validate_spec(spec, old["spec"] if old else None)
    completions = spec.get("completions", 0)
    if spec.get("completionMode") == INDEXED and completions > 0:
        last = f"{metadata.get('name', '')}-{completions - 1}"
        if dns1123_label_problems(last):
            detail = f"will not able to create pod with invalid DNS label: {last}"
            errors.append(invalid("metadata.name", metadata.get("name", ""), detail))
    return errors


def _validate_own_selector(document: Object, old: Object | None) -> list[FieldError]:
    metadata, spec = document["metadata"], document["spec"]
    selector = spec.get("selector")
    if spec.get("manualSelector") or selector is None:
        return []
    errors: list[FieldError] = []
    name, uid = metadata.get("name", ""), metadata.get("uid", "")
    if not uid:
        errors.append(required("metadata.uid"))
    expected = {_OLD_UID: uid, _OLD_NAME: name}
    before = ((old or document)["spec"]["template"]["metadata"].get("labels")) or {}
    # Jobs of older versions have no labels with a prefix and may stay without them.
    if old is None or (_NAME in before and _UID in before):
        expected.update({_UID: uid, _NAME: name})
    labels = spec["template"]["metadata"].get("labels") or {}
    for key, value in expected.items():
        path, detail = f"spec.template.metadata.labels[{key}]", f"must be '{value}'"
        if key not in labels:
            errors.append(required(path, detail))
        elif labels[key] != value:
            errors.append(invalid(path, internal_map(labels), detail))
    if not validate_label_selector(selector, ""):
        conditions = label_selector_of(selector)
        if conditions is None or not conditions.matches(expected):
            shown = internal_selector(selector)
            errors.append(invalid("spec.selector", shown, "`selector` not auto-generated"))
    return errors


def _validate_spec(spec: Object, old: Object | None) -> list[FieldError]:
    errors = validate_job_spec(spec, old, "spec")
    selector = spec.get("selector")
    if selector is None:
        errors.append(required("spec.selector"))
    lenient = old is not None and bool(validate_label_selector(old.get("selector"), ""))
    errors += validate_label_selector(selector, "spec.selector", lenient=lenient)
    if not validate_label_selector(selector, ""):
        errors += validate_match(selector, spec["template"], "spec.template")
    return errors


def _validate_completions(spec: Object, old: Object) -> list[FieldError]:
    completions, path = spec.get("completions"), "spec.completions"
    if spec.get("completionMode") != INDEXED:
        return validate_same(completions, old.get("completions"), path)
    if completions in (None, old.get("completions"), spec.get("parallelism")):
        return []
    detail = "can only be modified in tandem with spec.parallelism"
    return [invalid(path, completions, detail)]


def _validate_fixed(spec: Object, old: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    for name, type_name in _FIXED:
        value = spec.get(name)
        shown = internal_form(type_name, value) if type_name else value
        errors += validate_same(value, old.get(name), f"spec.{name}", shown)
    return errors


_FIXED: Final = (
    ("completionMode", ""),
    ("podFailurePolicy", "batch.v1.PodFailurePolicy"),
    ("backoffLimitPerIndex", ""),
    ("managedBy", ""),
    ("successPolicy", "batch.v1.SuccessPolicy"),
)


STRATEGY = JobStrategy
