"""AuditEvent: the event of an audited request, and its form at each stage.

An event is a mutable draft while the request is served. At a stage a record of it is made, which
does not change any more: it is encoded beside the event loop, since it may have whole objects.

https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from apiserver.access.audit.audit_policy import AuditRule, Level
from apiserver.machinery.documents import parse_yaml
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import format_micros
from apiserver.machinery.users import UserInfo

API_VERSION: Final = "audit.k8s.io/v1"
TRUNCATED: Final = "audit.k8s.io/truncated"
_STATUS: Final = ("status", "message", "reason", "details")
#: A record is taken to be so large besides the objects in it, in bytes.
_BASE_SIZE: Final = 1024


@dataclass(slots=True)
class ResponseBody:
    """The body of a response: parts, which can be read again, and their total size in bytes."""

    parts: Iterable[bytes]
    size: int
    is_yaml: bool

    def document(self) -> Any:
        """Return the document, ``None`` if the body is none."""
        data = b"".join(self.parts)
        try:
            return parse_yaml(data)[0] if self.is_yaml else orjson.loads(data)
        except ValueError:
            return None


@dataclass(slots=True)
class AuditRecord:
    """An event at one stage. ``fields`` are those before the objects, ``last`` those after."""

    fields: dict[str, Any]
    last: dict[str, Any]
    request_object: Any
    sent: ResponseBody | None
    omit_managed_fields: bool
    #: About how large it is, in bytes.
    size: int

    def encode(self, most: int = 0) -> bytes | None:
        """Return the event as JSON, ``None`` if it has more than ``most`` bytes (0: no limit).

        An event that is too large is tried without its objects.
        """
        objects: dict[str, Any] = {}
        if self.request_object is not None:
            objects["requestObject"] = self._shown(self.request_object)
        if self.sent is not None:
            document = self.sent.document()
            # What has no kind, such as the version, is no object of the API.
            if isinstance(document, dict) and document.get("kind"):
                objects["responseObject"] = self._shown(document)
        data = _dump({**self.fields, **objects, **self.last})
        if not most or len(data) <= most:
            return data
        annotations = {**self.last.get("annotations", {}), TRUNCATED: "true"}
        data = _dump({**self.fields, **self.last, "annotations": annotations})
        return data if len(data) <= most else None

    def legacy(self) -> bytes:
        """Return the event as one line of text."""
        fields = self.fields
        user, impersonated = fields["user"], fields.get("impersonatedUser")
        groups = "<none>"
        if user.get("username") and user.get("groups"):
            groups = ",".join(map(quote, user["groups"]))
        asked, asked_groups = "<self>", "<lookup>"
        if impersonated is not None:
            asked = impersonated.get("username", "")
            if impersonated.get("groups"):
                asked_groups = ",".join(map(quote, impersonated["groups"]))
        status = fields.get("responseStatus")
        values = {
            "id": fields["auditID"],
            "stage": fields["stage"],
            "ip": next(iter(fields.get("sourceIPs", ())), "<unknown>"),
            "method": fields["verb"],
            "user": user.get("username") or "<none>",
            "groups": groups,
            "as": asked,
            "asgroups": asked_groups,
            "user-agent": fields.get("userAgent", ""),
            "namespace": fields.get("objectRef", {}).get("namespace") or "<none>",
            "uri": fields["requestURI"],
            "response": "<deferred>" if status is None else str(status.get("code", 0)),
        }
        text = " ".join(f"{name}={quote(value)}" for name, value in values.items())
        return f"{self.last['requestReceivedTimestamp']} AUDIT: {text}".encode()

    def _shown(self, document: Any) -> Any:
        return without_managed_fields(document) if self.omit_managed_fields else document


# Created for every audited request.
class AuditEvent:
    """The draft of the events of one request."""

    __slots__ = (
        "_head", "_size", "annotations", "id", "impersonated", "level", "on_start", "received",
        "request_object", "rule", "sent", "status", "target", "user",
    )  # fmt: skip

    def __init__(self, audit_id: str, rule: AuditRule, user: UserInfo | None, received: float):
        self.id = audit_id
        self.rule = rule
        self.level = rule.level
        self.user = {} if user is None else user_document(user)
        self.received = received
        self.impersonated: dict[str, Any] | None = None
        self.annotations: dict[str, str] = {}
        self.request_object: Any = None
        self.sent: ResponseBody | None = None
        self.status: dict[str, Any] | None = None
        self.target: dict[str, str] | None = None
        #: Records that the response begins; only requests that run for long have one.
        self.on_start: Callable[[int], Awaitable[None]] | None = None
        self._head: dict[str, Any] = {}
        self._size = 0

    def set_request(self, uri: str, verb: str, source_ips: Sequence[str], user_agent: str) -> None:
        """Set the request line and the source addresses."""
        self._head = {"requestURI": uri, "verb": verb}
        if source_ips:
            self._head["sourceIPs"] = source_ips
        if user_agent:
            self._head["userAgent"] = user_agent

    def set_object_ref(self, target: Mapping[str, str]) -> None:
        """Set the object or collection that it is about, by the fields of an ObjectReference."""
        self.target = {name: value for name, value in target.items() if value}

    def annotate(self, key: str, value: str) -> None:
        """Add an annotation; the first value of a key stays."""
        self.annotations.setdefault(key, value)

    def annotate_at_request_level(self, key: str, value: str) -> None:
        """Add an annotation that only events of the level Request, or a higher one, have."""
        if self.level >= Level.REQUEST:
            self.annotate(key, value)

    def set_impersonated_user(self, user: UserInfo) -> None:
        """Set the impersonated user."""
        self.impersonated = user_document(user)

    def set_request_object(self, document: Object, size: int) -> None:
        """Set the object of the request's body, which had ``size`` bytes.

        It is shared. The defaults that are added to it are shown as well, as in kube-apiserver.
        """
        target = self.target
        if target is not None:
            metadata = document.get("metadata")
            if isinstance(metadata, dict):
                for name in ("namespace", "name", "uid", "resourceVersion"):
                    if metadata.get(name):
                        target.setdefault(name, metadata[name])
        if self.level >= Level.REQUEST:
            self.request_object, self._size = document, size

    def set_request_patch(self, data: bytes, *, is_yaml: bool) -> None:
        """Set the patch in the request's body."""
        if self.level >= Level.REQUEST:
            self.request_object, self._size = _Patch(data, is_yaml=is_yaml), len(data)

    def set_response_object(self, parts: Iterable[bytes], size: int, media: str) -> None:
        """Set the body of the response, an object or a list, by its parts and its size in bytes."""
        if self.level >= Level.REQUEST_RESPONSE:
            self.sent = ResponseBody(parts, size, is_yaml="yaml" in media)

    def set_response_status(self, status: Mapping[str, Any]) -> None:
        """Set the Status of the response, of which every level has the fields."""
        self.status = {"metadata": {}}
        self.status |= {name: status[name] for name in _STATUS if name in status}
        if status.get("code"):
            self.status["code"] = status["code"]
        if "kind" in status and self.level >= Level.REQUEST_RESPONSE:
            data = orjson.dumps(status)
            self.sent = ResponseBody([data], len(data), is_yaml=False)

    def set_response_code(self, code: int) -> None:
        """Set the status code of a response that may have been no Status."""
        if self.status is None:
            self.status = {"metadata": {}}
        self.status["code"] = self.status.get("code") or code

    async def start(self, code: int) -> None:
        """Record that the response of a long-running request begins, with this status code."""
        if self.on_start is not None:
            start, self.on_start = self.on_start, _has_started
            await start(code)

    @property
    def has_started(self) -> bool:
        """Whether the response has started, so that its status is final."""
        return self.on_start is _has_started

    def at_stage(self, stage: str, now: float) -> AuditRecord:
        """Return the event at a stage; ``now`` is the time of the stage, in seconds."""
        fields: dict[str, Any] = {
            "kind": "Event",
            "apiVersion": API_VERSION,
            "level": self.level.wire_name,
            "auditID": self.id,
            "stage": stage,
        }
        head = dict(self._head)
        fields["requestURI"], fields["verb"] = head.pop("requestURI"), head.pop("verb")
        fields["user"] = self.user
        if self.impersonated is not None:
            fields["impersonatedUser"] = self.impersonated
        fields |= head
        if self.target:
            fields["objectRef"] = _in_order(self.target)
        if self.status is not None:
            fields["responseStatus"] = self.status
        last: dict[str, Any] = {
            "requestReceivedTimestamp": micro_time(self.received),
            "stageTimestamp": micro_time(now),
        }
        if self.annotations:
            last["annotations"] = dict(sorted(self.annotations.items()))
        size = _BASE_SIZE + self._size + (0 if self.sent is None else self.sent.size)
        shown = self.request_object
        return AuditRecord(fields, last, shown, self.sent, self.rule.omit_managed_fields, size)


async def _has_started(code: int) -> None:
    """Do nothing: ResponseStarted is recorded once."""


class _Patch:
    """A patch as it was sent; it is parsed when the event is encoded."""

    __slots__ = ("_data", "_is_yaml")

    def __init__(self, data: bytes, *, is_yaml: bool) -> None:
        self._data = data
        self._is_yaml = is_yaml

    def document(self) -> Any:
        """Return the JSON document, or the text of a body that is not JSON."""
        try:
            return parse_yaml(self._data)[0] if self._is_yaml else orjson.loads(self._data)
        except ValueError:
            return self._data.decode("utf-8", "replace")


_REFERENCE: Final = (
    "resource", "namespace", "name", "uid", "apiGroup", "apiVersion", "resourceVersion",
    "subresource",
)  # fmt: skip


def _in_order(target: Mapping[str, str]) -> dict[str, str]:
    return {name: target[name] for name in _REFERENCE if name in target}


def user_document(user: UserInfo) -> dict[str, Any]:
    """Return a user in the form of authentication/v1.UserInfo."""
    document: dict[str, Any] = {}
    if user.name:
        document["username"] = user.name
    if user.uid:
        document["uid"] = user.uid
    if user.groups:
        document["groups"] = user.groups
    if user.extra:
        document["extra"] = {key: list(values) for key, values in sorted(user.extra.items())}
    return document


def micro_time(seconds: float) -> str:
    """Format a time in seconds since 1970."""
    micros = int(seconds * 1_000_000)
    return format_micros(*divmod(micros, 1_000_000))


def without_managed_fields(document: Any) -> Any:
    """Return an object, a list, a table or a patch without the managedFields of its objects."""
    if not isinstance(document, dict):
        return document
    shown = dict(document)
    metadata = document.get("metadata")
    if isinstance(metadata, dict) and "managedFields" in metadata:
        shown["metadata"] = {k: v for k, v in metadata.items() if k != "managedFields"}
    if isinstance(document.get("items"), list):
        shown["items"] = [without_managed_fields(each) for each in document["items"]]
    if document.get("kind") == "Table" and isinstance(document.get("rows"), list):
        shown["rows"] = [
            {**row, "object": without_managed_fields(row["object"])} if "object" in row else row
            for row in document["rows"]
        ]
    return shown


def _dump(event: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(event, default=_default)
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        # Surrogates in a path or a header, and numbers beyond 64 bits in a patch.
        text = json.dumps(event, default=_default, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def _default(value: Any) -> Any:
    if isinstance(value, _Patch):
        return value.document()
    raise TypeError(f"a {type(value).__name__} in an event")
