"""Errors of the store, of patches and of ownership -> StatusError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from apiserver.fieldmanager.errors import Conflicts, FieldManagerError, MalformedApply
from apiserver.machinery import fielderrors
from apiserver.machinery.errors import (
    BadRequest,
    Conflict,
    Expired,
    InternalError,
    Invalid,
    RequestEntityTooLarge,
    ServerTimeout,
    StatusError,
    StorageReadError,
    Timeout,
    UnknownError,
)
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.quoting import quote
from apiserver.patch.errors import (
    MalformedPatch,
    PatchDoesNotApply,
    PatchError,
    TooManyOperations,
)
from apiserver.schema.kindtypes import Inconvertible, WrongKind
from storage.errors import (
    Compacted,
    Corrupt,
    FutureRevision,
    OutcomeUnknown,
    OutOfSpace,
    StorageError,
    TooManyKeys,
    TransformError,
    ValueTooLarge,
)

LIST_EXPIRED = "The resourceVersion for the provided list is too old."
_TOO_LARGE_CAUSE = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}


def status_of(error: StorageError, resource: GroupResource, verb: str) -> StatusError:
    """Return the Status for a storage error in ``verb`` on ``resource``."""
    match error:
        case Compacted():
            return Expired(LIST_EXPIRED)
        case FutureRevision():
            return future_revision(error.requested, error.current)
        case ValueTooLarge():
            return RequestEntityTooLarge("etcdserver: request is too large")
        case TooManyKeys():
            return RequestEntityTooLarge("etcdserver: too many operations in txn request")
        case OutOfSpace():
            # The answer of kube-apiserver when its etcd has run out of space (the alarm NOSPACE).
            return UnknownError("etcdserver: mvcc: database space exceeded")
        case Corrupt() | TransformError():
            return _unreadable(error)
        case OutcomeUnknown():
            return Timeout(f"the {verb} operation may or may not have happened: {error}")
        case _:
            return ServerTimeout.of(resource, verb)


def status_of_unreadable(error: Exception) -> StatusError | None:
    """Return the Status for a stored object that cannot be decoded, ``None`` for other errors.

    A stored object is decoded when it is sent or matched by a selector, not earlier.
    """
    return _unreadable(error) if isinstance(error, Corrupt | TransformError) else None


def _unreadable(error: Corrupt | TransformError) -> StatusError:
    if isinstance(error, TransformError):
        return InternalError(error.reason)
    cause = error.__cause__
    if isinstance(cause, Inconvertible):
        return UnknownError(str(cause))
    return StorageReadError(f"failed to read one or more objects: {error}", {})


@contextmanager
def objects_of_list() -> Iterator[None]:
    """Translate the error of an object that cannot be decrypted: a list says which one it is.

    Raises InternalError.
    """
    try:
        yield
    except TransformError as error:
        message = f"unable to transform key {quote(error.key)}: {error.reason}"
        raise InternalError(message) from error


def status_of_patch(error: PatchError) -> StatusError:
    """Return the Status for a rejected patch."""
    match error:
        case MalformedPatch():
            return BadRequest(str(error))
        case PatchDoesNotApply():
            # Kubernetes does not reveal which part of the patch failed.
            return Invalid("the server rejected our request due to an error in our request", {})
        case TooManyOperations():
            return RequestEntityTooLarge(str(error))
        case _:
            return UnknownError(str(error))


def status_of_ownership(error: FieldManagerError) -> StatusError:
    """Return the Status for a rejected apply."""
    match error:
        case Conflicts():
            return Conflict(str(error), {"causes": error.causes()})
        case MalformedApply():
            return BadRequest(str(error))
        case _:
            return UnknownError(str(error))


def status_of_wrong_kind(error: WrongKind) -> StatusError:
    """Return the Status for a document whose kind is not the expected one."""
    found, expected = error.kind, error.expected
    errors = []
    if found.kind != expected.kind:
        errors.append(fielderrors.invalid("kind", found.kind, f"must be {expected.kind}"))
    if found.api_version != expected.api_version:
        detail = f"must be {expected.api_version}"
        errors.append(fielderrors.invalid("apiVersion", found.api_version, detail))
    return Invalid.of(found, error.name, errors)


def future_revision(requested: int, current: int) -> Timeout:
    """Return the Status for a read at a revision that does not exist yet."""
    details: dict[str, object] = {"causes": [_TOO_LARGE_CAUSE], "retryAfterSeconds": 1}
    return Timeout(f"Too large resource version: {requested}, current: {current}", details)
