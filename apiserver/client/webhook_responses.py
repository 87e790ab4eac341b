"""Responses of webhooks, and the errors that they mean. Pure.

The texts are those of Kubernetes' own client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, cast

from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.documents import parse_json, parse_yaml
from apiserver.machinery.errors import RequestEntityTooLarge
from apiserver.machinery.gvk import GroupVersionKind, parse_api_version
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass

#: How many bytes of a response that is not understood are shown.
_MAX_SHOWN: Final = 2048
_MESSAGES: Final[Mapping[int, str]] = {
    400: "the server rejected our request for an unknown reason",
    401: "the server has asked for the client to provide credentials",
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    409: "the server reported a conflict",
    422: "the server rejected our request due to an error in our request",
    429: "the server has received too many requests and has asked us to try again later",
    503: "the server is currently unable to handle the request",
    504: (
        "the server was unable to return a response in the time allotted, but may still be "
        "processing the request"
    ),
}
#: YAML is parsed slowly.
_LONGEST_YAML: Final = 64 * 1024
#: These are reported with the message of the response.
_TEXTUAL: Final = (403, 406, 415)
_STATUS: Final = GroupVersionKind("", "v1", "Status")
#: Where Kubernetes builds the scheme of webhooks, as its messages say.
_SCHEME: Final = "k8s.io/apiserver/pkg/util/webhook/client.go:71"
_JSON_TYPES: Final = {
    str: "string",
    bool: "bool",
    int: "number",
    float: "number",
    list: "array",
    dict: "object",
}


@valueclass
class WebhookResponse:
    """An HTTP response; the names of ``headers`` are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after(self) -> int | None:
        """After how many seconds the request is to be repeated, if at all."""
        if self.status != HTTPStatus.TOO_MANY_REQUESTS and self.status < 500:
            return None
        text = self.headers.get("Retry-After", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    @property
    def content_type(self) -> str:
        """The media type with its parameters."""
        return self.headers.get("Content-Type") or "application/json"


class WebhookError(Exception):
    """A webhook could not be called, or its response is an error; the message says why.

    ``status`` is that of its HTTP response, 0 without one. ``is_transient``: the connection was
    reset, or the webhook asked to be called again later.
    """

    def __init__(self, message: str, status: int = 0, *, is_transient: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.is_transient = is_transient


def check_response(response: WebhookResponse) -> None:
    """Raise WebhookError unless the response is a success with a body in JSON."""
    media_type = response.content_type.partition(";")[0].strip().lower()
    is_json = media_type == "application/json"
    if not 200 <= response.status <= 206:
        said = _status_message(response.body) if is_json else None
        raise WebhookError(
            said or _described(response, media_type),
            response.status,
            is_transient=response.retry_after is not None,
        )
    if not is_json:
        raise WebhookError(f"serializer for {response.content_type} doesn't exist")
    if not response.body:
        raise WebhookError(
            f"0-length response with status code: {response.status} and content type: "
            f"{response.content_type}"
        )


def parse_review(body: bytes, kind: str, group: str, versions: Sequence[str]) -> Object:
    """Return the review in a body: an object of this kind in the first of these versions.

    ``versions`` are all that the kind has. A document without kind and apiVersion counts as one,
    too; its other members are not checked. Raises WebhookError.
    """
    try:
        document = _parsed(body)
        kind_given, api_version = _type_of(document)
    except (DocumentError, RequestEntityTooLarge) as error:
        message = f"couldn't get version/kind; json parse error: {error}"
        raise WebhookError(message) from error
    try:
        given = GroupVersionKind(*parse_api_version(api_version), kind_given)
    except ValueError as error:
        raise WebhookError(str(error)) from error
    wanted = GroupVersionKind(group, versions[0], kind)
    actual = _with_defaults(given, wanted)
    if actual == wanted:
        return cast("Object", document)
    named = f"{actual.version}.{actual.kind}"
    if actual != _STATUS and actual not in (wanted._replace(version=each) for each in versions):
        raise WebhookError(
            f"no kind {quote(actual.kind)} is registered for version {quote(actual.api_version)} "
            f"in scheme {quote(_SCHEME)}"
        )
    raise WebhookError(f"converting ({named}) to ({versions[0]}.{kind}): unknown conversion")


def _parsed(body: bytes) -> Any:
    """Return the document in a body; what is no JSON object is read as YAML, as in Kubernetes."""
    if body.lstrip().startswith(b"{") or len(body) > _LONGEST_YAML:
        document = parse_json(body)
    else:
        document = parse_yaml(body)[0]
    return {} if document is None else document


def _type_of(document: Any) -> tuple[str, str]:
    """Return the kind and the apiVersion that a document states. Raises DocumentError."""
    if not isinstance(document, dict):
        raise DocumentError(
            f"json: cannot unmarshal {_JSON_TYPES[type(document)]} into Go value of type struct "
            '{ APIVersion string "json:\\"apiVersion,omitempty\\""; '
            'Kind string "json:\\"kind,omitempty\\"" }'
        )
    for member in ("apiVersion", "kind"):
        value = document.get(member)
        if value is not None and not isinstance(value, str):
            raise DocumentError(
                f"json: cannot unmarshal {_JSON_TYPES[type(value)]} into Go struct field "
                f".{member} of type string"
            )
    return document.get("kind") or "", document.get("apiVersion") or ""


def _with_defaults(given: GroupVersionKind, default: GroupVersionKind) -> GroupVersionKind:
    kind = given.kind or default.kind
    if not given.version:
        return GroupVersionKind(default.group, default.version, kind)
    return GroupVersionKind(given.group, given.version, kind)


def _status_message(body: bytes) -> str | None:
    try:
        document = parse_json(body)
    except (DocumentError, RequestEntityTooLarge):
        return None
    if not isinstance(document, dict) or document.get("kind", "Status") != "Status":
        return None
    message = document.get("message")
    failed = document.get("status") not in (None, "Success")
    return message if failed and isinstance(message, str) else None


def _described(response: WebhookResponse, media_type: str) -> str:
    given = response.body[:_MAX_SHOWN].decode("utf-8", "replace").strip()
    text = given if media_type.startswith("text/") else "unknown"
    if response.status in _TEXTUAL:
        return text
    known = _MESSAGES.get(response.status)
    if known is not None:
        return known
    if response.status >= 500:
        return f"an error on the server ({quote(text)}) has prevented the request from succeeding"
    return (
        f"the server responded with the status code {response.status} but did not return more "
        "information"
    )
