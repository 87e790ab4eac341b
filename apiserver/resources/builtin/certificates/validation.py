"""Validation of CertificateSigningRequests (KEP-1513 and the API documentation).

A violation that is already stored, from before the rule existed, stays allowed.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any, Final, TypeAlias

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.resources.builtin.certificates import pem
from apiserver.resources.builtin.certificates.der import certificate_problem, request_problem
from apiserver.resources.builtin.certificates.signernames import validate_signer_name

Condition: TypeAlias = dict[str, Any]

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
_STATUSES: Final = ("False", "True", "Unknown")
_CONDITIONS: Final = "status.conditions"
_CERTIFICATE: Final = "status.certificate"


def conditions_of(document: Object) -> list[Condition]:
    """Return the conditions of a request."""
    return (document.get("status") or {}).get("conditions") or []


def validate_request(document: Object, old: Object | None = None) -> list[FieldError]:
    """Validate a request as such, except for its metadata."""
    spec, before = document.get("spec") or {}, (old or {}).get("spec") or {}
    errors = []
    problem = _request_problem(b64decode(spec.get("request") or ""))
    if problem:
        errors.append(invalid("spec.request", spec.get("request"), problem))
    errors += _validate_usages(spec.get("usages") or [], before.get("usages") or [])
    signer = spec.get("signerName", "")
    if signer == LEGACY_UNKNOWN and before.get("signerName") != LEGACY_UNKNOWN:
        detail = "the legacy signerName is not allowed via this API version"
        errors.append(invalid("spec.signerName", signer, detail))
    else:
        errors += validate_signer_name(signer, "spec.signerName")
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _SHORTEST:
        detail = "may not specify a duration less than 600 seconds (10 minutes)"
        errors.append(invalid("spec.expirationSeconds", seconds, detail))
    errors += _validate_conditions(conditions_of(document), conditions_of(old or {}))
    certificate = _certificate(document)
    if old is None or certificate != _certificate(old):
        problem = _certificate_problem(b64decode(certificate))
        if problem:
            errors.append(invalid(_CERTIFICATE, "<certificate data>", problem))
    return errors


def validate_decisions(document: Object, old: Object, *, decides: bool) -> list[FieldError]:
    """Reject withdrawn decisions and, unless ``decides``, new ones."""
    new = [condition.get("type") for condition in conditions_of(document)]
    before = [condition.get("type") for condition in conditions_of(old)]
    errors = [
        forbidden(_CONDITIONS, f"updates may not remove a condition of type {quote(type_)}")
        for type_ in (APPROVED, DENIED, FAILED)
        if new.count(type_) < before.count(type_)
    ]
    if decides:
        return errors
    return errors + [
        forbidden(_CONDITIONS, f"updates may not add a condition of type {quote(type_)}")
        for type_ in (APPROVED, DENIED)
        if new.count(type_) > before.count(type_)
    ]


def validate_issue(document: Object, old: Object, *, issues: bool) -> list[FieldError]:
    """Reject a changed certificate and, unless ``issues``, a new one."""
    before = _certificate(old)
    if _certificate(document) == before:
        return []
    if not issues:
        return [forbidden(_CERTIFICATE, "updates may not set certificate content")]
    if before:
        return [forbidden(_CERTIFICATE, "updates may not modify existing certificate content")]
    return []


def _certificate(document: Object) -> str:
    return (document.get("status") or {}).get("certificate") or ""


def _request_problem(data: bytes) -> str:
    block = pem.decode(data)
    if block is None or block.type != b"CERTIFICATE REQUEST":
        return "PEM block type must be CERTIFICATE REQUEST"
    return request_problem(block.content)


def _certificate_problem(data: bytes) -> str:
    if not data:
        return ""
    blocks = at = 0
    while (block := pem.decode(data, at)) is not None:
        if block.type != b"CERTIFICATE":
            shown = quote(block.type.decode("utf-8", "replace"))
            return f"only CERTIFICATE PEM blocks are allowed, found {shown}"
        if block.has_headers:
            return "no PEM block headers are permitted"
        blocks += 1
        problem = certificate_problem(block.content)
        if problem:
            return problem
        if not block.content:
            return "found CERTIFICATE PEM block containing 0 certificates"
        at = block.rest
    return "" if blocks else "must contain at least one CERTIFICATE PEM block"


def _validate_usages(usages: list[str], before: list[str]) -> list[FieldError]:
    errors = [] if usages else [required("spec.usages")]
    if all(usage in _USAGES for usage in before):
        errors += [
            not_supported(f"spec.usages[{index}]", usage, _USAGES)
            for index, usage in enumerate(usages)
            if usage not in _USAGES
        ]
    if len(set(before)) == len(before):
        errors += _duplicates(usages, "spec.usages[{}]")
    return errors


def _duplicates(values: list[str], path: str) -> list[FieldError]:
    seen: set[str] = set()
    errors = []
    for index, value in enumerate(values):
        if value in seen:
            errors.append(duplicate(path.format(index), value))
        seen.add(value)
    return errors


def _validate_conditions(conditions: list[Condition], before: list[Condition]) -> list[FieldError]:
    errors: list[FieldError] = []
    old_types = [condition.get("type", "") for condition in before]
    had_both = APPROVED in old_types and DENIED in old_types
    had_twice = len(set(old_types)) < len(old_types)
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        path, type_ = f"{_CONDITIONS}[{index}]", condition.get("type", "")
        if not type_ and "" not in old_types:
            errors.append(required(f"{path}.type"))
        errors += _validate_status(condition.get("status", ""), type_, path)
        if {APPROVED: DENIED, DENIED: APPROVED}.get(type_) in seen and not had_both:
            detail = "Approved and Denied conditions are mutually exclusive"
            errors.append(invalid(_CONDITIONS, type_, detail))
        if type_ in seen and not had_twice:
            errors.append(duplicate(f"{path}.type", type_))
        seen.add(type_)
    return errors


def _validate_status(status: str, type_: str, path: str) -> list[FieldError]:
    if not status:
        return [required(f"{path}.status")]
    known = ("True",) if type_ in (APPROVED, DENIED, FAILED) else _STATUSES
    return [] if status in known else [not_supported(f"{path}.status", status, known)]
