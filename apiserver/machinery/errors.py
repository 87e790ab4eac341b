"""StatusError and one subclass per metav1 reason.

The policy of errors, for the whole program:

* A layer raises its own words. Storage speaks of keys and revisions, schema of documents and
  fields; above that, everything is a `StatusError`.
* There are three doors. The stores turn the errors of libraries into `storage.errors`;
  `apiserver.registry.errors` turns those into `StatusError`; `apiserver.endpoints.errors` turns
  anything into a Status body.
* ``raise ... from cause``, always; a cancellation is never caught to be dropped.
* What arrives at the last door without a Status is our bug: logged with its traceback and
  answered 500.
* A failed operation changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from apiserver.machinery import status
from apiserver.machinery.fielderrors import FieldError, aggregate
from apiserver.machinery.gvk import GroupResource, GroupVersionKind
from apiserver.machinery.quoting import quote


class StatusError(Exception):
    """A refusal with all that its answer needs: HTTP code, reason, message and details.

    ``details`` of ``None`` leaves the member out, as Kubernetes does for most 400s.
    """

    code: ClassVar[int] = 500
    reason: ClassVar[str] = ""

    def __init__(self, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.list_metadata: dict[str, Any] = {}

    def status(self) -> dict[str, Any]:
        """Return the metav1.Status that the client is answered."""
        body = status.failure(self.message, self.reason, self.code, self.details)
        body["metadata"] = self.list_metadata
        return body

    @property
    def retry_after(self) -> int:
        """Seconds for the Retry-After header; 0 for none."""
        return int((self.details or {}).get("retryAfterSeconds", 0))


def object_details(resource: GroupResource, name: str) -> dict[str, Any]:
    """Return the details that name one object; members that are empty are left out."""
    details = {"name": name, "group": resource.group, "kind": resource.resource}
    return {key: value for key, value in details.items() if value}


class BadRequest(StatusError):
    """The request cannot be understood."""

    code, reason = 400, "BadRequest"


class Unauthorized(StatusError):
    """The credentials are missing or wrong."""

    code, reason = 401, "Unauthorized"

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class Forbidden(StatusError):
    """The user, or a policy, may not do this."""

    code, reason = 403, "Forbidden"

    @classmethod
    def of(cls, resource: GroupResource, name: str, why: str) -> Forbidden:
        """Return the refusal of an action on ``resource``, or on one object of it."""
        text = str(resource)
        if not text:
            return cls(f"forbidden: {why}", {})
        subject = f"{text} {quote(name)}" if name else text
        return cls(f"{subject} is forbidden: {why}", object_details(resource, name))


class NotFound(StatusError):
    """There is no such object, or no such path."""

    code, reason = 404, "NotFound"

    @classmethod
    def of(cls, resource: GroupResource, name: str) -> NotFound:
        """Return the answer for an object that is not there."""
        return cls(
            f"{resource} {quote(name)} not found", object_details(resource, name)
        )

    @classmethod
    def path(cls) -> NotFound:
        """Return the answer for a path below an API group that names no resource."""
        return cls("the server could not find the requested resource", {})


class MethodNotSupported(StatusError):
    """The path exists and the method is not offered on it."""

    code, reason = 405, "MethodNotAllowed"

    @classmethod
    def on_path(cls) -> MethodNotSupported:
        """Return the answer for a method that a path does not offer."""
        return cls(
            "the server does not allow this method on the requested resource", {}
        )

    @classmethod
    def of(cls, resource: GroupResource, verb: str) -> MethodNotSupported:
        """Return the answer for a verb that a resource does not offer."""
        return cls(
            f"{verb} is not supported on resources of kind {quote(str(resource))}",
            object_details(resource, ""),
        )


class NotAcceptable(StatusError):
    """No representation that the client accepts is offered."""

    code, reason = 406, "NotAcceptable"


class AlreadyExists(StatusError):
    """An object of this name is there."""

    code, reason = 409, "AlreadyExists"

    @classmethod
    def of(
        cls, resource: GroupResource, name: str, *, deleting: bool = False
    ) -> AlreadyExists:
        """Return the answer for a name that is taken, perhaps by an object on its way out."""
        prefix = "object is being deleted: " if deleting else ""
        return cls(
            f"{prefix}{resource} {quote(name)} already exists",
            object_details(resource, name),
        )

    @classmethod
    def generated(cls, resource: GroupResource, name: str) -> AlreadyExists:
        """Return the answer when every generated name was taken."""
        details = object_details(resource, name) | {"retryAfterSeconds": 1}
        return cls(
            f"{resource} {quote(name)} already exists, "
            "the server was not able to generate a unique name for the object",
            details,
        )


class Conflict(StatusError):
    """The object is not as the request expected it."""

    code, reason = 409, "Conflict"

    @classmethod
    def of(cls, resource: GroupResource, name: str, why: str) -> Conflict:
        """Return the answer for a write that was based on another state."""
        return cls(
            f"Operation cannot be fulfilled on {resource} {quote(name)}: {why}",
            object_details(resource, name),
        )


class Gone(StatusError):
    """What was there is gone for good."""

    code, reason = 410, "Gone"


class Expired(StatusError):
    """The history that the request needs is not kept any more."""

    code, reason = 410, "Expired"


class RequestEntityTooLarge(StatusError):
    """The body is larger than the server takes."""

    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(StatusError):
    """The body is in a format that the server does not read."""

    code, reason = 415, "UnsupportedMediaType"


class Invalid(StatusError):
    """The object was understood and breaks rules; every broken one is a cause."""

    code, reason = 422, "Invalid"

    @classmethod
    def of(
        cls, kind: GroupVersionKind, name: str, errors: Sequence[FieldError]
    ) -> Invalid:
        """Return the answer that lists what is wrong with an object of ``kind``."""
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
    """The server, or a disruption budget, asks to come back later."""

    code, reason = 429, "TooManyRequests"


class InternalError(StatusError):
    """Something failed that the client cannot mend."""

    code, reason = 500, "InternalError"

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"Internal error occurred: {cause}", {"causes": [{"message": cause}]}
        )


class UnknownError(StatusError):
    """A failure that Kubernetes answers with 500 and no reason."""

    code, reason = 500, ""


class ServerTimeout(StatusError):
    """The store could not answer; the same request may succeed later."""

    code, reason = 500, "ServerTimeout"

    @classmethod
    def of(cls, resource: GroupResource, verb: str) -> ServerTimeout:
        """Return the answer for a ``verb`` on ``resource`` that could not be carried out."""
        details = {"name": verb, "group": resource.group, "kind": resource.resource}
        details = {key: value for key, value in details.items() if value}
        return cls(
            f"The {verb} operation against {resource} could not be completed at this time, "
            "please try again.",
            {**details, "retryAfterSeconds": 2},
        )


class StorageReadError(StatusError):
    """A stored object cannot be understood."""

    code, reason = 500, "StorageReadError"


class ServiceUnavailable(StatusError):
    """The server is starting or stopping."""

    code, reason = 503, "ServiceUnavailable"


class Timeout(StatusError):
    """The request was not carried out in the time that it was given."""

    code, reason = 504, "Timeout"

    def __init__(self, what: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(f"Timeout: {what}", details)
