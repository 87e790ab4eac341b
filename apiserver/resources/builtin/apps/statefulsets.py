"""StatefulSet."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, not_supported, required
from apiserver.machinery.names import dns1123_label_problems
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.apps.rules import (
    validate_at_most,
    validate_collisions,
    validate_counts,
)
from apiserver.resources.builtin.apps.workloads import (
    CONTAINERS,
    IMAGES,
    NO_REPLICAS,
    WorkloadStrategy,
    is_readable,
    spec_selector_text,
    template_cells,
    validate_match,
    validate_running,
    validate_selector,
)
from apiserver.resources.builtin.parts.claimspecs import validate_claim_spec
from apiserver.resources.builtin.parts.intorpercent import (
    amount,
    validate_at_most_100_percent,
    validate_int_or_percent,
)
from apiserver.resources.builtin.parts.podtemplate import (
    validate_pod_template,
    validate_template_metadata,
)
from apiserver.resources.builtin.parts.podwarnings import warnings_for_claim_spec
from apiserver.resources.printing import AGE, NAME, Column, Printer, age_of
from apiserver.resources.scaling import ScaleFields
from apiserver.schema.internalform import internal_form, internal_selector

ORDERED_READY, PARALLEL = "OrderedReady", "Parallel"
ROLLING_UPDATE, ON_DELETE = "RollingUpdate", "OnDelete"
RETAIN, DELETE = "Retain", "Delete"
_UNAVAILABLE: Final = "maxUnavailable"
_OF_EACH_POD: Final = ("hostname", "subdomain")
_RETENTIONS: Final = ("whenDeleted", "whenScaled")
_IMMUTABLE: Final = ("serviceName", "podManagementPolicy", "selector", "volumeClaimTemplates")
_FORBIDDEN: Final = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
    "'minReadySeconds' are forbidden"
)
_STATUS_COUNTS: Final = (
    "replicas",
    "readyReplicas",
    "currentReplicas",
    "updatedReplicas",
    "availableReplicas",
    "observedGeneration",
    "collisionCount",
)

_COLUMNS: Final = (
    NAME,
    Column("Ready", "Number of the pod with ready state"),
    AGE,
    CONTAINERS,
    IMAGES,
)


def _cells(document: Object, now: float) -> list[Any]:
    metadata, status = document["metadata"], document.get("status") or {}
    return [
        metadata.get("name", ""),
        f"{status.get('readyReplicas', 0)}/{document['spec'].get('replicas', 0)}",
        age_of(metadata.get("creationTimestamp"), now),
        *template_cells(document),
    ]


class StatefulSetStrategy(WorkloadStrategy):
    """A StatefulSet keeps Pods with stable names and their own volumes."""

    name_problems = staticmethod(dns1123_label_problems)
    names_pods = False
    printer = Printer(_COLUMNS, _cells)
    scale = ScaleFields(spec_selector_text)
    spec_of_bookmarks = NO_REPLICAS

    def default_spec(self, document: Object) -> None:
        spec = document["spec"]
        if not spec.get("podManagementPolicy"):
            spec["podManagementPolicy"] = ORDERED_READY
        strategy = spec["updateStrategy"]
        if not strategy.get("type"):
            strategy["type"] = ROLLING_UPDATE
            strategy.setdefault("rollingUpdate", {})
        if strategy["type"] == ROLLING_UPDATE and "rollingUpdate" in strategy:
            strategy["rollingUpdate"].setdefault("partition", 0)
        retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
        for name in _RETENTIONS:
            if not retention.get(name):
                retention[name] = RETAIN
        spec.setdefault("replicas", 1)
        spec.setdefault("revisionHistoryLimit", 10)
        claims = spec.get("volumeClaimTemplates")
        if claims:
            spec["volumeClaimTemplates"] = [_defaulted_claim(claim) for claim in claims]

    def prepare_for_create(self, document: Object) -> Object:
        return _without_unavailable(super().prepare_for_create(document), None)

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        return _without_unavailable(super().prepare_for_update(document, old), old)

    def validate(self, document: Object) -> list[FieldError]:
        spec = document["spec"]
        before, after = _validate_spec(spec, created=True)
        return [*before, *_validate_template(spec, None), *after]

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        spec, old_spec = document["spec"], old["spec"]
        before, after = _validate_spec(spec, created=False)
        errors = [*before, *_validate_template(spec, old_spec), *after]
        if any(spec.get(name) != old_spec.get(name) for name in _IMMUTABLE):
            errors.append(forbidden("spec", _FORBIDDEN))
        return errors

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        status = document.get("status") or {}
        members = ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
        more = "cannot be greater than status.readyReplicas"
        return [
            *validate_counts(status, _STATUS_COUNTS, "status"),
            *validate_at_most(status, members),
            *validate_at_most(status, ("availableReplicas",), "readyReplicas", more),
            *validate_collisions(status, old.get("status") or {}),
        ]

    def warnings_on_create(self, document: Object) -> list[str]:
        return [*super().warnings_on_create(document), *_warnings(document["spec"])]

    def warnings_on_update(self, document: Object, old: Object) -> list[str]:
        # Kubernetes spells the path of a claim in another way than on creation.
        return [*super().warnings_on_update(document, old), *_warnings(document["spec"], ".Spec")]


def _without_unavailable(document: Object, old: Object | None) -> Object:
    # maxUnavailable is disabled; an object that already uses it keeps it.
    if _UNAVAILABLE not in _pace(document) or (old is not None and _UNAVAILABLE in _pace(old)):
        return document
    spec = document["spec"]
    pace = {name: value for name, value in _pace(document).items() if name != _UNAVAILABLE}
    strategy = {**spec["updateStrategy"], "rollingUpdate": pace}
    return {**document, "spec": {**spec, "updateStrategy": strategy}}


def _pace(document: Object) -> Object:
    pace: Object = document["spec"]["updateStrategy"].get("rollingUpdate") or {}
    return pace


def _defaulted_claim(claim: Object) -> Object:
    spec, status = dict(claim.get("spec") or {}), dict(claim.get("status") or {})
    if not spec.get("volumeMode"):
        spec["volumeMode"] = "Filesystem"
    if not status.get("phase"):
        status["phase"] = "Pending"
    kind = {"kind": "PersistentVolumeClaim", "apiVersion": "v1"}
    return {**claim, **kind, "spec": spec, "status": status}


def _validate_spec(spec: Object, *, created: bool) -> tuple[list[FieldError], list[FieldError]]:
    # The errors before those of the template, and those after them.
    errors = _validate_policies(spec)
    if created:
        # Later they do not change.
        for index, claim in enumerate(spec.get("volumeClaimTemplates") or ()):
            path = f"spec.volumeClaimTemplates[{index}].spec"
            errors += validate_claim_spec(claim["spec"], path)
    errors += validate_counts(spec, ("replicas", "minReadySeconds"), "spec")
    errors += validate_counts(spec.get("ordinals") or {}, ("start",), "spec.ordinals")
    service = spec.get("serviceName")
    if created and service:
        problems = dns1123_label_problems(service)
        errors += [invalid("spec.serviceName", service, problem) for problem in problems]
    selector = spec.get("selector")
    errors += validate_selector(selector, "spec.selector", "statefulset")
    if not is_readable(selector):
        errors.append(invalid("spec.selector", internal_selector(selector)))
    return errors, validate_running(spec["template"]["spec"], "spec.template.spec", "StatefulSet")


def _validate_policies(spec: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    policy = spec.get("podManagementPolicy")
    if not policy:
        errors.append(required("spec.podManagementPolicy"))
    elif policy not in (ORDERED_READY, PARALLEL):
        detail = f"must be '{ORDERED_READY}' or '{PARALLEL}'"
        errors.append(invalid("spec.podManagementPolicy", policy, detail))
    errors += _validate_strategy(spec["updateStrategy"], "spec.updateStrategy")
    retention = spec.get("persistentVolumeClaimRetentionPolicy")
    if retention is not None:
        for name in _RETENTIONS:
            if retention.get(name) not in (RETAIN, DELETE):
                path = f"spec.persistentVolumeClaimRetentionPolicy.{name}"
                errors.append(not_supported(path, retention.get(name, ""), (RETAIN, DELETE)))
    return errors


def _validate_strategy(strategy: Object, path: str) -> list[FieldError]:
    pace, type_ = strategy.get("rollingUpdate"), strategy.get("type")
    if not type_:
        return [required(path)]
    if type_ == ON_DELETE:
        if pace is None:
            return []
        shown = internal_form("apps.v1.RollingUpdateStatefulSetStrategy", pace)
        detail = f"only allowed for updateStrategy '{ROLLING_UPDATE}'"
        return [invalid(f"{path}.rollingUpdate", shown, detail)]
    if type_ != ROLLING_UPDATE:
        shown = internal_form("apps.v1.StatefulSetUpdateStrategy", strategy)
        return [invalid(path, shown, f"must be '{ROLLING_UPDATE}' or '{ON_DELETE}'")]
    if pace is None:
        return []
    errors = validate_counts(pace, ("partition",), f"{path}.rollingUpdate")
    unavailable = pace.get("maxUnavailable")
    if unavailable is not None:
        where = f"{path}.rollingUpdate.maxUnavailable"
        errors += validate_int_or_percent(unavailable, where)
        if amount(unavailable) == 0:
            errors.append(invalid(where, unavailable, "cannot be 0"))
        errors += validate_at_most_100_percent(unavailable, where)
    return errors


def _validate_template(spec: Object, old: Object | None) -> list[FieldError]:
    selector = spec.get("selector")
    if not is_readable(selector):
        return []
    path = "spec.template"
    before = _as_of_pods(old) if old else None
    errors = validate_match(selector, spec["template"], path)
    errors += validate_template_metadata(spec["template"], path, before)
    whole = validate_pod_template(_as_of_pods(spec), path, before)
    if whole and old and _was_wrong(old):
        return errors
    return errors + whole


def _as_of_pods(spec: Object) -> Object:
    """Return the template as in its Pods: with volumes of the claims, without per-Pod fields."""
    template: Object = spec["template"]
    pod = {name: value for name, value in template["spec"].items() if name not in _OF_EACH_POD}
    names = dict.fromkeys(
        claim["metadata"].get("name", "") for claim in spec.get("volumeClaimTemplates") or ()
    )
    if names:
        volumes = pod.get("volumes") or ()
        pod["volumes"] = [
            *({"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names),
            *(volume for volume in volumes if volume.get("name") not in names),
        ]
    return {**template, "spec": pod}


def _was_wrong(spec: Object) -> bool:
    before, after = _validate_spec(spec, created=False)
    return bool(before or after or _validate_template(spec, None))


def _warnings(spec: Object, of_claim: str = "") -> list[str]:
    """Return the warnings about all but the template; ``of_claim`` is in the paths of claims."""
    warnings = []
    for index, claim in enumerate(spec.get("volumeClaimTemplates") or ()):
        path = f"spec.volumeClaimTemplates[{index}]{of_claim}"
        warnings += warnings_for_claim_spec(claim.get("spec") or {}, path)
    if spec.get("revisionHistoryLimit", 0) < 0:
        warnings.append(
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; "
            "a value >= 0 is recommended"
        )
    return warnings


STRATEGY = StatefulSetStrategy
