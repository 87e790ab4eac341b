"""AdmissionReviews: building requests and parsing responses. Pure.

See "Webhook request and response" in the documentation of dynamic admission control.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from apiserver.access.admission.admission_request import MatchedRequest, admission_request
from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.client.webhook_responses import WebhookError, parse_review
from apiserver.machinery.documents import dump_json
from apiserver.machinery.errors import ForwardedStatus
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass
from apiserver.schema.jsondecoder import decode_json
from apiserver.schema.kindtypes import DecodeError
from apiserver.schema.structtypes import struct_type

_GROUP: Final = "admission.k8s.io"
_KIND: Final = "AdmissionReview"
#: The versions that the server understands, the preferred one first.
VERSIONS: Final = ("v1", "v1beta1")
_MESSAGE: Final = "admission.v1.AdmissionReview"
_PATCH: Final = "JSONPatch"
_HIGHEST_CODE: Final = 999


class InvalidResponse(Exception):
    """The response of a webhook breaks the rules; the message says which."""


@valueclass
class AdmissionResponse:
    """The response of a webhook; ``result`` is the Status of a denial."""

    allowed: bool
    patch: bytes
    patch_type: str
    result: Mapping[str, Any]
    warnings: Sequence[str]
    annotations: Mapping[str, str]


def review_body(
    version: str, uid: str, attributes: AdmissionAttributes, matched: MatchedRequest
) -> bytes:
    """Return the AdmissionReview for a webhook, as JSON."""
    request = {
        "uid": uid,
        "object": matched.object,
        "oldObject": matched.old_object,
        "options": None,
        **admission_request(attributes, matched),
    }
    api_version = f"{_GROUP}/{version}"
    return dump_json({"kind": _KIND, "apiVersion": api_version, "request": request})


def read_response(body: bytes, version: str, uid: str, *, mutating: bool) -> AdmissionResponse:
    """Return the response in the body of an AdmissionReview of the version that was asked.

    Raises WebhookError if it cannot be decoded, and InvalidResponse.
    """
    others = [each for each in VERSIONS if each != version]
    document = parse_review(body, _KIND, _GROUP, [version, *others])
    try:
        review = decode_json(struct_type(_MESSAGE), document).object
    except DecodeError as error:
        raise WebhookError(str(error)) from error
    response = review.get("response")
    if response is None:
        raise InvalidResponse("webhook response was absent")
    patch = b64decode(response.get("patch") or "")
    if version == "v1":
        _check(document, response, uid)
        patch_type = _patch_type(response.get("patchType"), bool(patch), mutating=mutating)
    else:
        # Responses in v1beta1 need not say so much.
        patch_type = _PATCH
        if not mutating:
            patch = b""
    return AdmissionResponse(
        allowed=response.get("allowed", False),
        patch=patch,
        patch_type=patch_type,
        result=response.get("status") or {},
        warnings=response.get("warnings") or (),
        annotations=response.get("auditAnnotations") or {},
    )


def _check(document: Mapping[str, Any], response: Mapping[str, Any], uid: str) -> None:
    given = response.get("uid", "")
    if given != uid:
        raise InvalidResponse(f"expected response.uid={quote(uid)}, got {quote(given)}")
    api_version, kind = document.get("apiVersion") or "", document.get("kind") or ""
    wanted = f"{_GROUP}/v1"
    if (api_version, kind) != (wanted, _KIND):
        shown = api_version if "/" in api_version else f"/{api_version}"
        raise InvalidResponse(
            f"expected webhook response of {wanted}, Kind={_KIND}, got {shown}, Kind={kind}"
        )


def _patch_type(given: str | None, has_patch: bool, *, mutating: bool) -> str:  # noqa: FBT001
    if not mutating:
        if has_patch:
            raise InvalidResponse("validating webhook may not return response.patch")
        if given is not None:
            raise InvalidResponse("validating webhook may not return response.patchType")
        return ""
    if has_patch and given is None:
        raise InvalidResponse("webhook returned response.patch but not response.patchType")
    if not has_patch and given is not None:
        raise InvalidResponse("webhook returned response.patchType but not response.patch")
    if given == "":
        raise InvalidResponse(f"webhook returned invalid response.patchType of {quote(given)}")
    return given or ""


def denial(name: str, result: Mapping[str, Any]) -> ForwardedStatus:
    """Return the error for a request that a webhook denies; ``result`` is its Status."""
    denied = f"admission webhook {quote(name)} denied the request"
    why = result.get("message") or result.get("reason")
    message = f"{denied}: {why}" if why else f"{denied} without explanation"
    code = max(result.get("code", 0), HTTPStatus.BAD_REQUEST)
    # HTTP has no such status, and Go's server answers none at all.
    code = code if code <= _HIGHEST_CODE else HTTPStatus.INTERNAL_SERVER_ERROR
    return ForwardedStatus({**result, "message": message, "code": int(code)})
