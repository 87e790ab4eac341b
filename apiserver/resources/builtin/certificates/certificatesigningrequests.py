"""CertificateSigningRequest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.names import path_segment_problems
from apiserver.machinery.objects import Object
from apiserver.machinery.times import now as time_now
from apiserver.machinery.users import UserInfo
from apiserver.resources import objectmeta
from apiserver.resources.builtin.certificates.validation import (
    APPROVED,
    DENIED,
    FAILED,
    Condition,
    conditions_of,
    validate_decisions,
    validate_issue,
    validate_request,
)
from apiserver.resources.builtin.fields import paths
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.printing import (
    AGE,
    NAME,
    NONE,
    Column,
    Printer,
    age_of,
    human_duration,
)
from apiserver.resources.strategy import Strategy, Update, keeping
from apiserver.schema.kindtypes import Types

_FIELDS: Final = paths("spec.signerName")
_RESET_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "": {"f:spec": {}, "f:status": {}},
    "approval": {"f:spec": {}, "f:status": {"f:certificate": {}}},
}

_SPEC: Final = "api.certificates.v1.CertificateSigningRequestSpec"
COLUMNS: Final = (
    NAME,
    AGE,
    Column("SignerName", source=f"{_SPEC}.signerName"),
    Column("Requestor", source=f"{_SPEC}.request"),
    Column("RequestedDuration", source=f"{_SPEC}.expirationSeconds"),
    Column("Condition", source="api.certificates.v1.CertificateSigningRequestStatus.conditions"),
)


def _cells(document: Object, now: float) -> list[Any]:
    metadata, spec = document["metadata"], document.get("spec") or {}
    seconds = spec.get("expirationSeconds")
    return [
        metadata.get("name", ""),
        age_of(metadata.get("creationTimestamp"), now),
        spec.get("signerName") or NONE,
        spec.get("username", ""),
        NONE if seconds is None else human_duration(seconds),
        _condition(document.get("status") or {}),
    ]


def _condition(status: dict[str, Any]) -> str:
    types = {condition.get("type") for condition in status.get("conditions") or ()}
    shown = DENIED if DENIED in types else APPROVED if APPROVED in types else "Pending"
    if FAILED in types:
        shown += ",Failed"
    return f"{shown},Issued" if status.get("certificate") else shown


class CertificateSigningRequestStrategy(Strategy):
    """The spec is immutable; approvers approve or deny the request, and a signer issues it."""

    fields = _FIELDS
    reset_fields = _RESET_FIELDS
    # The rules of the kind include metadata.
    metadata_checks = ()
    name_problems = staticmethod(path_segment_problems)
    printer = Printer(COLUMNS, _cells)

    def __init__(self, definition: ResourceDefinition, types: Types) -> None:
        super().__init__(definition, types)
        self.updates["approval"] = Update(
            self._prepare_for_approval, self._validate_approval, metadata_checks=()
        )
        self.updates["status"] = Update(
            self.prepare_for_status_update, self.validate_status_update, metadata_checks=()
        )

    def with_requester(self, document: Object, user: UserInfo) -> Object:
        spec = dict(document.get("spec") or {})
        for member in ("username", "uid", "groups", "extra"):
            spec.pop(member, None)
        if user.name:
            spec["username"] = user.name
        if user.uid:
            spec["uid"] = user.uid
        if user.groups:
            spec["groups"] = list(user.groups)
        if user.extra:
            spec["extra"] = {key: list(values) for key, values in user.extra.items()}
        return {**document, "spec": spec}

    def prepare_for_create(self, document: Object) -> Object:
        return {**document, "status": {}}

    def validate(self, document: Object) -> list[FieldError]:
        return validate_request(document)

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        return keeping(document, old, "spec", "status")

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return self._validate_change(document, old, decides=False, issues=False)

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        prepared = super().prepare_for_status_update(document, old)
        conditions: Sequence[Condition] = conditions_of(document)
        for decision in (APPROVED, DENIED):
            conditions = _preserved(conditions, conditions_of(old), decision)
        return {**prepared, "status": _timed(prepared.get("status") or {}, conditions, old)}

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return self._validate_change(document, old, decides=False, issues=True)

    def _prepare_for_approval(self, document: Object, old: Object) -> Object:
        kept = keeping(document, old, "spec", "status")
        return {**kept, "status": _timed(old.get("status") or {}, conditions_of(document), old)}

    def _validate_approval(self, document: Object, old: Object) -> list[FieldError]:
        return self._validate_change(document, old, decides=True, issues=False)

    def _validate_change(
        self, document: Object, old: Object, *, decides: bool, issues: bool
    ) -> list[FieldError]:
        return [
            *objectmeta.validate_whole(document, self),
            *validate_request(document, old),
            *validate_decisions(document, old, decides=decides),
            *validate_issue(document, old, issues=issues),
            *objectmeta.validate_change(document, old, self),
        ]


def _preserved(
    conditions: Sequence[Condition], old: Sequence[Condition], type_: str
) -> Sequence[Condition]:
    """Return conditions with those of a type as they were, unless there are more or fewer."""
    before = iter([condition for condition in old if condition.get("type") == type_])
    if _count(conditions, type_) != _count(old, type_):
        return conditions
    return [next(before) if each.get("type") == type_ else each for each in conditions]


def _count(conditions: Sequence[Condition], type_: str) -> int:
    return sum(condition.get("type") == type_ for condition in conditions)


def _timed(status: dict[str, Any], conditions: Sequence[Condition], old: Object) -> dict[str, Any]:
    """Return a status whose conditions have lastUpdateTime and lastTransitionTime."""
    since: dict[tuple[str, str], str] = {}
    for condition in conditions_of(old):
        if condition.get("lastTransitionTime"):
            since.setdefault(_state(condition), condition["lastTransitionTime"])
    timed = [
        {
            **condition,
            "lastUpdateTime": condition.get("lastUpdateTime") or time_now(),
            "lastTransitionTime": condition.get("lastTransitionTime")
            or since.get(_state(condition))
            or time_now(),
        }
        for condition in conditions
    ]
    rest = {key: value for key, value in status.items() if key != "conditions"}
    return {**rest, "conditions": timed} if timed else rest


def _state(condition: Condition) -> tuple[str, str]:
    return condition.get("type", ""), condition.get("status", "")


STRATEGY = CertificateSigningRequestStrategy
