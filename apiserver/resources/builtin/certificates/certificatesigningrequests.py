"""CertificateSigningRequest."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cryptography import x509

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.names import path_segment_problems
from apiserver.machinery.objects import Object
from apiserver.machinery.times import now as time_now
from apiserver.machinery.users import UserInfo
from apiserver.resources.builtin.certificates.signernames import validate_signer_name
from apiserver.resources.builtin.fields import paths
from apiserver.resources.builtin.parts.repeats import repeats
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

APPROVED, DENIED, FAILED = "Approved", "Denied", "Failed"
LEGACY_UNKNOWN: Final = "kubernetes.io/legacy-unknown"
_SHORTEST: Final = 600
_USAGES: Final = (
    "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign",
    "data encipherment", "decipher only", "digital signature", "email protection",
    "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement",
    "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth",
    "signing", "timestamping",
)  # fmt: skip
_FIELDS: Final = paths("spec.signerName")
_RESET_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "": {"f:spec": {}},
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
    """A request never changes; others approve or deny it, and a signer answers it."""

    fields = _FIELDS
    reset_fields = _RESET_FIELDS
    name_problems = staticmethod(path_segment_problems)
    printer = Printer(COLUMNS, _cells)

    def __init__(self, definition: ResourceDefinition) -> None:
        super().__init__(definition)
        self.updates["approval"] = Update(self._prepare_for_approval, self._validate_approval)

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
        spec = document.get("spec") or {}
        errors = _validate_request(spec.get("request"))
        errors += _validate_usages(spec.get("usages") or [])
        signer = spec.get("signerName", "")
        if signer == LEGACY_UNKNOWN:
            detail = "the legacy signerName is not allowed via this API version"
            errors.append(invalid("spec.signerName", signer, detail))
        else:
            errors += validate_signer_name(signer, "spec.signerName")
        seconds = spec.get("expirationSeconds")
        if seconds is not None and seconds < _SHORTEST:
            detail = "may not specify a duration less than 600 seconds (10 minutes)"
            errors.append(invalid("spec.expirationSeconds", seconds, detail))
        return errors + _validate_conditions(_conditions(document))

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        return keeping(document, old, "spec", "status")

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return []

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        prepared = super().prepare_for_status_update(document, old)
        status = prepared.get("status") or {}
        decisions = (APPROVED, DENIED)
        new = [c for c in _conditions(document) if c.get("type") not in decisions]
        added = [c for c in _conditions(document) if c.get("type") in decisions]
        kept = [c for c in _conditions(old) if c.get("type") in decisions]
        # Decisions stay as they are; one that is added here is complained about.
        unknown = [c for c in added if c.get("type") not in {k.get("type") for k in kept}]
        return {**prepared, "status": _with_conditions(status, [*kept, *new, *unknown], old)}

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return [
            *_validate_conditions(_conditions(document)),
            *_validate_change(document, old, decides=False),
            *_validate_certificate(document, old, settable=True),
        ]

    def _prepare_for_approval(self, document: Object, old: Object) -> Object:
        status = dict(old.get("status") or {})
        kept = keeping(document, old, "spec", "status")
        return {**kept, "status": _with_conditions(status, _conditions(document), old)}

    def _validate_approval(self, document: Object, old: Object) -> list[FieldError]:
        return [
            *_validate_conditions(_conditions(document)),
            *_validate_change(document, old, decides=True),
            *_validate_certificate(document, old, settable=False),
        ]


def _conditions(document: Object) -> list[dict[str, Any]]:
    return (document.get("status") or {}).get("conditions") or []


def _with_conditions(
    status: dict[str, Any], conditions: Sequence[dict[str, Any]], old: Object
) -> dict[str, Any]:
    before = {condition.get("type"): condition for condition in _conditions(old)}
    rest = {key: value for key, value in status.items() if key != "conditions"}
    timed = []
    for condition in conditions:
        known = before.get(condition.get("type")) or {}
        since = condition.get("lastTransitionTime")
        if since is None and known.get("status") == condition.get("status"):
            since = known.get("lastTransitionTime")
        updated = condition.get("lastUpdateTime") or time_now()
        times = {"lastUpdateTime": updated, "lastTransitionTime": since or time_now()}
        timed.append({**condition, **times})
    return {**rest, "conditions": timed} if timed else rest


def _validate_request(request: str | None) -> list[FieldError]:
    pem = b64decode(request or "")
    if b"-----BEGIN CERTIFICATE REQUEST-----" not in pem:
        return [invalid("spec.request", request, "PEM block type must be CERTIFICATE REQUEST")]
    try:
        x509.load_pem_x509_csr(pem)
    except ValueError as error:
        return [invalid("spec.request", request, str(error))]
    return []


def _validate_usages(usages: list[str]) -> list[FieldError]:
    if not usages:
        return [required("spec.usages")]
    unknown = [
        not_supported(f"spec.usages[{index}]", usage, _USAGES)
        for index, usage in enumerate(usages)
        if usage not in _USAGES
    ]
    twice = [
        duplicate(f"spec.usages[{index}]", usage)
        for index, usage in repeats(usages)
    ]
    return unknown + twice


def _validate_conditions(conditions: list[dict[str, Any]]) -> list[FieldError]:
    errors: list[FieldError] = []
    types: set[str] = set()
    for index, condition in enumerate(conditions):
        path, type_ = f"status.conditions[{index}]", condition.get("type", "")
        if not type_:
            errors.append(required(f"{path}.type"))
        errors += _validate_status(condition.get("status", ""), type_, path)
        if {APPROVED: DENIED, DENIED: APPROVED}.get(type_) in types:
            detail = "Approved and Denied conditions are mutually exclusive"
            errors.append(invalid("status.conditions", type_, detail))
        if type_ in types:
            errors.append(duplicate(f"{path}.type", type_))
        types.add(type_)
    return errors


def _validate_status(status: str, type_: str, path: str) -> list[FieldError]:
    if not status:
        return [required(f"{path}.status")]
    if type_ in (APPROVED, DENIED, FAILED):
        return [] if status == "True" else [not_supported(f"{path}.status", status, ["True"])]
    known = ("False", "True", "Unknown")
    return [] if status in known else [not_supported(f"{path}.status", status, known)]


def _validate_change(document: Object, old: Object, *, decides: bool) -> list[FieldError]:
    new = {condition.get("type") for condition in _conditions(document)}
    before = {condition.get("type") for condition in _conditions(old)}
    errors = [
        forbidden("status.conditions", f'updates may not remove a condition of type "{type_}"')
        for type_ in (APPROVED, DENIED, FAILED)
        if type_ in before - new
    ]
    if not decides:
        errors += [
            forbidden("status.conditions", f'updates may not add a condition of type "{type_}"')
            for type_ in (APPROVED, DENIED)
            if type_ in new - before
        ]
    return errors


def _validate_certificate(document: Object, old: Object, *, settable: bool) -> list[FieldError]:
    new, before = ((d.get("status") or {}).get("certificate") for d in (document, old))
    path = "status.certificate"
    if new == before:
        return []
    if not settable:
        return [forbidden(path, "updates may not set certificate content")]
    if before:
        return [forbidden(path, "updates may not modify existing certificate content")]
    try:
        x509.load_pem_x509_certificates(b64decode(new or ""))
    except ValueError as error:
        return [invalid(path, "<certificate data>", str(error))]
    return []


STRATEGY = CertificateSigningRequestStrategy
