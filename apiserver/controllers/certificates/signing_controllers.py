"""Controllers of CertificateSigningRequests: sign, approve, and delete them. Keys are their names.

They are those of kube-controller-manager: the same conditions, reasons, messages and periods.
"""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

from apiserver.access.authorization.authorizer import AuthorizationAttributes
from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.certificates.signing_rules import (
    KUBELET_CLIENT,
    SIGNERS,
    RequestedCertificate,
    parse_request,
    problem_of,
    request_of,
    signer_of,
    usages_of,
)
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.machinery.builtin_resources import REQUESTS
from apiserver.machinery.errors import Conflict, NotFound
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import Clock, parse_seconds, system_clock
from apiserver.machinery.users import UserInfo

#: Signs a request in PEM for usages and, if they are not None, so many seconds; returns PEM.
#: Raises ValueError and OSError.
Sign: TypeAlias = Callable[[bytes, Sequence[str], int | None], bytes]
#: Returns whether a user may do something.
IsAllowed: TypeAlias = Callable[[AuthorizationAttributes], Awaitable[bool]]

_APPROVED, _DENIED, _FAILED = "Approved", "Denied", "Failed"
_HOUR: Final = 3600.0
#: How long requests are kept, in seconds: those that were decided, and those that were not.
_KEPT_DECIDED: Final = _HOUR
_KEPT_PENDING: Final = 24 * _HOUR
#: The subresources that a client needs a right on to be approved, and the messages of the approval.
_SELF_NODE: Final = (
    "selfnodeclient",
    "Auto approving self kubelet client certificate after SubjectAccessReview.",
)
_NODE: Final = (
    "nodeclient",
    "Auto approving kubelet client certificate after SubjectAccessReview.",
)

log = logging.getLogger(__name__)


class CertificateSigner:
    """Signs approved requests for the signers of Kubernetes."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, sign: Sign) -> None:
        self._client = client
        self._sign = sign
        self.sources = _sources()

    async def reconcile(self, key: str) -> Requeue | None:
        document = await _found(self._client, key)
        if document is None or signer_of(document) not in SIGNERS:
            return None
        if not _is_to_be_signed(document):
            return None
        pem, usages = request_of(document), usages_of(document)
        try:
            problem = problem_of(signer_of(document), parse_request(pem), usages)
            if problem:
                await self._fail(document, problem)
                return None
            seconds = document["spec"].get("expirationSeconds")
            certificate = self._sign(pem, usages, seconds)
        except (ValueError, OSError) as error:
            log.warning("%s: error auto signing csr: %s", key, error)
            return Requeue(None)
        issued = b64encode(certificate).decode()
        await self._client.update(REQUESTS, _with_status(document, certificate=issued), "status")
        return None

    async def _fail(self, document: Object, problem: str) -> None:
        failed = _with_condition(document, _FAILED, "SignerValidationFailure", problem)
        await self._client.update(REQUESTS, failed, "status")


class CertificateApprover:
    """Approves requests of kubelets for client certificates, if they have the right to it."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, is_allowed: IsAllowed) -> None:
        self._client = client
        self._is_allowed = is_allowed
        self.sources = _sources()

    async def reconcile(self, key: str) -> Requeue | None:
        document = await _found(self._client, key)
        if document is None or _certificate_of(document):
            return None
        types = {condition.get("type") for condition in _conditions_of(document)}
        if types & {_APPROVED, _DENIED} or signer_of(document) != KUBELET_CLIENT:
            return None
        try:
            request = parse_request(request_of(document))
        except ValueError as error:
            log.warning("%s: unable to parse csr: %s", key, error)
            return None
        if problem_of(KUBELET_CLIENT, request, usages_of(document)):
            return None
        for subresource, message in _rights(document, request):
            if await self._is_allowed(_create(document, subresource)):
                approved = _with_condition(document, _APPROVED, "AutoApproved", message)
                await self._client.update(REQUESTS, approved, "approval")
                return None
        # The right may still be granted.
        return Requeue(None)


class CertificateCleaner:
    """Deletes requests that are done, or that were not decided on."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or system_clock()
        self.sources = _sources()

    async def reconcile(self, key: str) -> Requeue | None:
        document = await _found(self._client, key)
        if document is None:
            return None
        deadline = _deadline_of(document)
        if deadline is None:
            return None
        left = deadline - self._clock.time()
        if left > 0:
            return Requeue(left)
        metadata = document["metadata"]
        options = DeleteOptions(uid=metadata["uid"], resource_version=metadata["resourceVersion"])
        try:
            await self._client.delete(REQUESTS, "", key, options)
        except NotFound:
            return None
        except Conflict:
            # It has changed, and is looked at again.
            return Requeue(None)
        return None


def _sources() -> Sequence[EventSource]:
    return (EventSource(REQUESTS, "", _enqueue),)


def _enqueue(queue: WorkQueue, event: ObjectEvent) -> None:
    if event.type != DELETED:
        queue.add(name_of(event.object))


async def _found(client: Client, name: str) -> Object | None:
    try:
        return await client.get(REQUESTS, "", name)
    except NotFound:
        return None


def _conditions_of(document: Object) -> list[dict[str, Any]]:
    return (document.get("status") or {}).get("conditions") or []


def _certificate_of(document: Object) -> str:
    return (document.get("status") or {}).get("certificate") or ""


def _is_to_be_signed(document: Object) -> bool:
    conditions = _conditions_of(document)
    types = {condition.get("type") for condition in conditions}
    failed = any(
        each.get("type") == _FAILED and each.get("status") == "True" for each in conditions
    )
    decided = _APPROVED in types and _DENIED not in types
    return decided and not failed and not _certificate_of(document)


def _with_status(document: Object, **members: Any) -> Object:
    return {**document, "status": {**(document.get("status") or {}), **members}}


def _with_condition(document: Object, type_: str, reason: str, message: str) -> Object:
    # The times are set by the rules of the kind.
    condition = {"type": type_, "status": "True", "reason": reason, "message": message}
    return _with_status(document, conditions=[*_conditions_of(document), condition])


def _rights(document: Object, request: RequestedCertificate) -> Sequence[tuple[str, str]]:
    """Return the rights of which one is needed: a node that renews its own needs less."""
    if document["spec"].get("username") == request.common_name:
        return (_SELF_NODE, _NODE)
    return (_NODE,)


def _create(document: Object, subresource: str) -> AuthorizationAttributes:
    spec = document["spec"]
    user = UserInfo(
        spec.get("username", ""),
        spec.get("uid", ""),
        tuple(spec.get("groups") or ()),
        spec.get("extra") or {},
    )
    return AuthorizationAttributes(
        user,
        "create",
        path="",
        is_resource_request=True,
        group=REQUESTS.group,
        version="*",
        resource=REQUESTS.resource,
        subresource=subresource,
    )


def _deadline_of(document: Object) -> float | None:
    """Return when a request is to be deleted, in seconds since 1970; ``None`` for never."""
    conditions, certificate = _conditions_of(document), _certificate_of(document)
    deadlines = []
    if not conditions:
        deadlines.append(_seconds(document["metadata"]["creationTimestamp"]) + _KEPT_PENDING)
    deadlines += [
        _seconds(each["lastUpdateTime"]) + _KEPT_DECIDED
        for each in conditions
        if each.get("type") in (_APPROVED, _DENIED, _FAILED) and each.get("lastUpdateTime")
    ]
    if certificate:
        expiry = _expiry_of(b64decode(certificate))
        if expiry is not None:
            deadlines.append(expiry)
    return min(deadlines, default=None)


def _seconds(text: str) -> float:
    return float(parse_seconds(text))


def _expiry_of(pem: bytes) -> float | None:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()
    except ValueError:
        return None
