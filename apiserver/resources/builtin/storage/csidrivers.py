"""CSIDriver."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
)
from apiserver.machinery.objects import Object, with_metadata
from apiserver.resources.printing import NONE, UNSET, Column, aged
from apiserver.resources.strategy import CHANGE, Strategy

_SPEC: Final = "api.storage.v1.CSIDriverSpec"
_GROUP_POLICIES: Final = ("File", "None", "ReadWriteOnceWithFSType")
_MODES: Final = ("Persistent", "Ephemeral")
_SHORTEST_PERIOD: Final = 10
_SHORTEST_TOKEN, _LONGEST_TOKEN = 10 * 60, 1 << 32

_DEFAULTS: Final[dict[str, Any]] = {
    "attachRequired": True,
    "podInfoOnMount": False,
    "storageCapacity": False,
    "fsGroupPolicy": "ReadWriteOnceWithFSType",
    "requiresRepublish": False,
    "seLinuxMount": False,
}
_COLUMNS: Final = (
    Column("AttachRequired", type="boolean", source=f"{_SPEC}.attachRequired"),
    Column("PodInfoOnMount", type="boolean", source=f"{_SPEC}.podInfoOnMount"),
    Column("StorageCapacity", type="boolean", source=f"{_SPEC}.storageCapacity"),
    Column("TokenRequests", source=f"{_SPEC}.tokenRequests"),
    Column("RequiresRepublish", type="boolean", source=f"{_SPEC}.requiresRepublish"),
    Column("Modes", source=f"{_SPEC}.volumeLifecycleModes"),
)


def _cells(document: Object) -> list[Any]:
    spec = document.get("spec") or {}
    tokens = spec.get("tokenRequests")
    audiences = ",".join(token.get("audience", "") for token in tokens or ())
    return [
        spec.get("attachRequired", True),
        spec.get("podInfoOnMount", False),
        spec.get("storageCapacity", False),
        UNSET if tokens is None else audiences,
        spec.get("requiresRepublish", False),
        ",".join(spec.get("volumeLifecycleModes") or ()) or NONE,
    ]


class CSIDriverStrategy(Strategy):
    """A CSIDriver describes a driver; its generation is set by the first change."""

    allow_unconditional_update = False
    returns_deleted_object = True
    metadata_checks = (CHANGE,)
    printer = aged(_COLUMNS, _cells)

    def default(self, document: Object) -> None:
        spec = document["spec"]
        for member, value in _DEFAULTS.items():
            spec.setdefault(member, value)
        if not spec.get("volumeLifecycleModes"):
            spec["volumeLifecycleModes"] = ["Persistent"]

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        document = _without_scheduling(document, old["spec"])
        if document["spec"] == old["spec"]:
            return document
        generation = (old["metadata"].get("generation") or 0) + 1
        return with_metadata(document, generation=generation)

    def prepare_for_create(self, document: Object) -> Object:
        return _without_scheduling(document, {})

    def validate(self, document: Object) -> list[FieldError]:
        spec = document["spec"]
        modes = spec.get("volumeLifecycleModes") or ()
        errors = _validate_group_policy(spec) + _validate_tokens(spec.get("tokenRequests") or [])
        errors += [
            not_supported("spec.volumeLifecycleModes", mode, _MODES)
            for mode in modes
            if mode not in _MODES
        ]
        return errors + _validate_update_period(spec)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        new, before = document["spec"], old["spec"]
        errors = self.validate(document)
        # Kubernetes misspells the first path.
        members = {"attachRequired": "attachedRequired", "volumeLifecycleModes": ""}
        for member, path in members.items():
            if new.get(member) != before.get(member):
                shown = new.get(member)
                errors.append(invalid(f"spec.{path or member}", shown, "field is immutable"))
        return errors


def _without_scheduling(document: Object, before: dict[str, Any]) -> Object:
    """Drop the field of a disabled scheduling feature, unless it is in use."""
    spec, name = document["spec"], "preventPodSchedulingIfMissing"
    if name not in spec or name in before:
        return document
    return {**document, "spec": {key: value for key, value in spec.items() if key != name}}


def _validate_update_period(spec: dict[str, Any]) -> list[FieldError]:
    seconds = spec.get("nodeAllocatableUpdatePeriodSeconds")
    if seconds is None or seconds >= _SHORTEST_PERIOD:
        return []
    detail = f"must be greater than or equal to {_SHORTEST_PERIOD} seconds"
    return [invalid("spec.nodeAllocatableUpdatePeriodSeconds", seconds, detail)]


def _validate_group_policy(spec: dict[str, Any]) -> list[FieldError]:
    policy = spec["fsGroupPolicy"]
    if policy in _GROUP_POLICIES:
        return []
    return [not_supported("spec.fsGroupPolicy", policy, _GROUP_POLICIES)]


def _validate_tokens(tokens: list[dict[str, Any]]) -> list[FieldError]:
    errors: list[FieldError] = []
    audiences: set[str] = set()
    for index, token in enumerate(tokens):
        path, audience = f"spec.tokenRequests[{index}]", token.get("audience", "")
        seconds = token.get("expirationSeconds")
        if audience in audiences:
            errors.append(duplicate(f"{path}.audience", audience))
            continue
        audiences.add(audience)
        if seconds is not None and seconds < _SHORTEST_TOKEN:
            detail = "may not specify a duration less than 10 minutes"
            errors.append(invalid(f"{path}.expirationSeconds", seconds, detail))
        elif seconds is not None and seconds > _LONGEST_TOKEN:
            detail = "may not specify a duration larger than 2^32 seconds"
            errors.append(invalid(f"{path}.expirationSeconds", seconds, detail))
    return errors


STRATEGY = CSIDriverStrategy
