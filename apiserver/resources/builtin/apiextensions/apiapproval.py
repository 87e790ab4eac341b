"""Approval of custom kinds in the groups of the Kubernetes community (KEP-1111).

A definition in such a group carries the annotation ``api-approved.kubernetes.io``: the URL of its
review, or ``unapproved`` and a reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.objects import Object, annotations_of
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.builtin.apiextensions.crds import API_APPROVAL, Condition, group_of

ANNOTATION: Final = "api-approved.kubernetes.io"
_PROTECTED: Final = ("k8s.io", "kubernetes.io")
_APPROVED, _BYPASSED, _MISSING, _INVALID = "Approved", "Bypassed", "Missing", "Invalid"
_SEE: Final = "see https://github.com/kubernetes/enhancements/pull/1111"
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\x00-\x20\x7f]*")
#: Status and reason of the condition in each state.
_CONDITIONS: Final[Mapping[str, tuple[str, str]]] = {
    _APPROVED: ("True", "ApprovedAnnotation"),
    _BYPASSED: ("False", "UnapprovedAnnotation"),
    _MISSING: ("False", "MissingAnnotation"),
    _INVALID: ("False", "InvalidAnnotation"),
}


@valueclass
class _Approval:
    state: str
    reason: str


def is_protected(group: str) -> bool:
    """Return whether a group belongs to the Kubernetes community."""
    return any(group == domain or group.endswith(f".{domain}") for domain in _PROTECTED)


def validate_approval(crd: Object, old: Object | None = None) -> list[FieldError]:
    """Reject a definition in a protected group that is not annotated as it must be.

    An update that does not change the state is allowed.
    """
    if not is_protected(group_of(crd)):
        return []
    approval = _approval(crd)
    if old is not None and _approval(old).state == approval.state:
        return []
    path = f"metadata.annotations[{ANNOTATION}]"
    if approval.state == _MISSING:
        return [required(path, approval.reason)]
    if approval.state == _INVALID:
        return [invalid(path, annotations_of(crd).get(ANNOTATION, ""), approval.reason)]
    return []


def approval_condition(crd: Object) -> Condition | None:
    """Return the condition of a definition, ``None`` if its group is not protected."""
    if not is_protected(group_of(crd)):
        return None
    approval = _approval(crd)
    return Condition(API_APPROVAL, *_CONDITIONS[approval.state], approval.reason)


def _approval(crd: Object) -> _Approval:
    annotation = annotations_of(crd).get(ANNOTATION, "")
    needed = f"protected groups must have approval annotation {quote(ANNOTATION)}"
    if not annotation:
        return _Approval(_MISSING, f"{needed}, {_SEE}")
    if annotation.startswith("unapproved"):
        return _Approval(_BYPASSED, f"not approved: {quote(annotation)}")
    if _is_url(annotation):
        return _Approval(_APPROVED, f"approved in {annotation}")
    return _Approval(
        _INVALID, f'{needed} with either a URL or a reason starting with "unapproved", {_SEE}'
    )


def _is_url(text: str) -> bool:
    if not _SCHEME.fullmatch(text):
        return False
    try:
        return bool(urlsplit(text).netloc)
    except ValueError:
        return False
