"""StatusError and one subclass per metav1 reason.

The error policy of the program:

* Each layer raises its own errors. Storage speaks of keys and revisions, schema of documents and
  fields; above them, every error is a `StatusError`.
* Errors are translated in three places. The stores translate errors of libraries into
  `storage.errors`; `apiserver.registry.errors` translates those into `StatusError`;
  `apiserver.endpoints.errors` translates any exception into a Status body.
* Translation uses ``raise ... from cause``. A cancellation is never suppressed.
* An exception that reaches the endpoints without a Status is a bug: it is logged with its traceback
  and answered with 500.
* A failed operation changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from apiserver.machinery import status
from apiserver.machinery.fielderrors import FieldError, aggregate
from apiserver.machinery.gvk import GroupResource, GroupVersionKind
from apiserver.machinery.quoting import quote

#: How many violations of its rules are reported of one object; kube-apiserver reports all.
MAX_CAUSES: Final = 5000


class StatusError(Exception):
    """An error response: HTTP code, reason, message and details.

    ``details=None`` omits the member, as Kubernetes does for most 400s.
    """

    code: ClassVar[int] = 500
    reason: ClassVar[str] = ""

    def __init__(self, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.list_metadata: dict[str, Any] = {}

    def status(self) -> dict[str, Any]:
        """Return the metav1.Status of the response."""
        body = status.failure(self.message, self.reason, self.code, self.details)
        body["metadata"] = self.list_metadata
        return body

    @property
    def retry_after(self) -> int:
        """Seconds for the Retry-After header; 0 for no header."""
        return int((self.details or {}).get("retryAfterSeconds", 0))


def object_details(resource: GroupResource, name: str) -> dict[str, Any]:
    """Return the details of an error about an object; empty members are omitted."""
    details = {"name": name, "group": resource.group, "kind": resource.resource}
    return {key: value for key, value in details.items() if value}


class BadRequest(StatusError):
    """The request is malformed."""

    code, reason = 400, "BadRequest"


class Unauthorized(StatusError):
    """The credentials are missing or invalid."""

    code, reason = 401, "Unauthorized"

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class Forbidden(StatusError):
    """The user is not permitted to do this, or a policy forbids it."""

    code, reason = 403, "Forbidden"

    @classmethod
    def of(cls, resource: GroupResource, name: str, why: str) -> Forbidden:
        """Return the error for an action on ``resource``, or on one object of it."""
        text = str(resource)
        if not text:
            return cls(f"forbidden: {why}", {})
        subject = f"{text} {quote(name)}" if name else text
        return cls(f"{subject} is forbidden: {why}", object_details(resource, name))


class NotFound(StatusError):
    """The object or path does not exist."""

    code, reason = 404, "NotFound"

    @classmethod
    def of(cls, resource: GroupResource, name: str) -> NotFound:
        """Return the error for an object that does not exist."""
        return cls(f"{resource} {quote(name)} not found", object_details(resource, name))

    @classmethod
    def path(cls) -> NotFound:
        """Return the error for an unknown path below an API group."""
        return cls("the server could not find the requested resource", {})


class MethodNotSupported(StatusError):
    """The path exists and does not support the method."""

    code, reason = 405, "MethodNotAllowed"

    @classmethod
    def on_path(cls) -> MethodNotSupported:
        """Return the error for a method that a path does not support."""
        return cls("the server does not allow this method on the requested resource", {})

    @classmethod
    def of(cls, resource: GroupResource, verb: str) -> MethodNotSupported:
        """Return the error for a verb that a resource does not support."""
        return cls(
            f"{verb} is not supported on resources of kind {quote(str(resource))}",
            object_details(resource, ""),
        )


class NotAcceptable(StatusError):
    """No media type of the Accept header is supported."""

    code, reason = 406, "NotAcceptable"


class AlreadyExists(StatusError):
    """An object of this name exists."""

    code, reason = 409, "AlreadyExists"

    @classmethod
    def of(cls, resource: GroupResource, name: str, *, deleting: bool = False) -> AlreadyExists:
        """Return the error for a name in use, possibly by an object that is being deleted."""
        prefix = "object is being deleted: " if deleting else ""
        return cls(
            f"{prefix}{resource} {quote(name)} already exists",
            object_details(resource, name),
        )

    @classmethod
    def generated(cls, resource: GroupResource, name: str) -> AlreadyExists:
        """Return the error after every generated name was in use."""
        details = object_details(resource, name) | {"retryAfterSeconds": 1}
        return cls(
            f"{resource} {quote(name)} already exists, "
            "the server was not able to generate a unique name for the object",
            details,
        )


class Conflict(StatusError):
    """The object differs from what the request expects."""

    code, reason = 409, "Conflict"

    @classmethod
    def of(cls, resource: GroupResource, name: str, why: str) -> Conflict:
        """Return the error for a write based on another version of the object."""
        return cls(
            f"Operation cannot be fulfilled on {resource} {quote(name)}: {why}",
            object_details(resource, name),
        )


class Gone(StatusError):
    """The resource is permanently gone."""

    code, reason = 410, "Gone"


class Expired(StatusError):
    """The history that the request needs is no longer available."""

    code, reason = 410, "Expired"


class RequestEntityTooLarge(StatusError):
    """The body exceeds the limit of the server."""

    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(StatusError):
    """The media type of the body is not supported."""

    code, reason = 415, "UnsupportedMediaType"


class Invalid(StatusError):
    """The object violates validation rules; every violation is a cause."""

    code, reason = 422, "Invalid"

    @classmethod
    def of(cls, kind: GroupVersionKind, name: str, errors: Sequence[FieldError]) -> Invalid:
        """Return the error for an object of ``kind``, with all violations up to `MAX_CAUSES`."""
        errors = errors[:MAX_CAUSES]
        qualified = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
        text = f": {aggregate(errors)}" if errors else ""
        details: dict[str, Any] = {}
        if name:
            details["name"] = name
        if kind.group:
            details["group"] = kind.group
        if kind.kind:
            details["kind"] = kind.kind
        if errors:
            details["causes"] = [error.cause() for error in errors]
        return cls(f"{qualified} {quote(name)} is invalid{text}", details)


class TooManyRequests(StatusError):
    """The server, or a disruption budget, asks to retry later."""

    code, reason = 429, "TooManyRequests"


class InternalError(StatusError):
    """The server failed; the client cannot correct it."""

    code, reason = 500, "InternalError"

    def __init__(self, cause: str) -> None:
        super().__init__(f"Internal error occurred: {cause}", {"causes": [{"message": cause}]})


class UnknownError(StatusError):
    """A failure that Kubernetes reports with code 500 and no reason."""

    code, reason = 500, ""


class ForwardedStatus(StatusError):
    """The Status that a webhook, for example, has returned, with all its members."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given.get("message", ""), given.get("details"))
        self.code = given.get("code", 500)  # type: ignore[misc]
        self.reason = given.get("reason", "")  # type: ignore[misc]
        self.list_metadata = dict(given.get("metadata") or {})


class ServerTimeout(StatusError):
    """The store did not respond; the same request may succeed later."""

    code, reason = 500, "ServerTimeout"

    @classmethod
    def of(cls, resource: GroupResource, verb: str) -> ServerTimeout:
        """Return the error for a ``verb`` on ``resource`` that was not carried out."""
        details = {"name": verb, "group": resource.group, "kind": resource.resource}
        details = {key: value for key, value in details.items() if value}
        return cls(
            f"The {verb} operation against {resource} could not be completed at this time, "
            "please try again.",
            {**details, "retryAfterSeconds": 2},
        )


class StorageReadError(StatusError):
    """A stored object cannot be decoded."""

    code, reason = 500, "StorageReadError"


class ServiceUnavailable(StatusError):
    """The server is not available now."""

    code, reason = 503, "ServiceUnavailable"


class Timeout(StatusError):
    """The request was not completed within its timeout."""

    code, reason = 504, "Timeout"

    def __init__(self, what: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(f"Timeout: {what}", details)
