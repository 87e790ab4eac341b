"""Requests are approved, signed and deleted as kube-controller-manager does it."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from apiserver.access.authorization.authorizer import AuthorizationAttributes
from apiserver.controllers.certificates.signing_controllers import (
    CertificateApprover,
    CertificateCleaner,
    CertificateSigner,
)
from apiserver.controllers.certificates.signing_rules import (
    API_SERVER_CLIENT,
    KUBELET_CLIENT,
)
from apiserver.controllers.controller import Controller, Reconciler, Requeue
from apiserver.machinery.builtin_resources import REQUESTS
from apiserver.machinery.errors import NotFound
from apiserver.machinery.times import Clock
from apiserver.machinery.users import UserInfo
from apiserver.registry.loopback import Loopback, controller_client
from apiserver.server.certificate_authority import new_authority
from apiserver.server.cluster_signing import ClusterSigner
from tests.unit.cluster import registry_in_memory
from tests.unit.controllers.certificates.requests import CLIENT, document, pem
from tests.waiting import eventually

HOUR = 3600.0


@pytest.fixture
async def client() -> AsyncIterator[Loopback]:
    async with registry_in_memory() as registry:
        yield controller_client(registry, "certificate-controller")


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> ClusterSigner:
    folder = tmp_path_factory.mktemp("ca")
    authority = new_authority("ca")
    (folder / "ca.crt").write_bytes(authority.certificate)
    (folder / "ca.key").write_bytes(authority.key)
    return ClusterSigner(folder / "ca.crt", folder / "ca.key", 86_400.0)


@asynccontextmanager
async def running(client: Loopback, reconciler: Reconciler) -> AsyncIterator[None]:
    task = asyncio.create_task(Controller("test", client, reconciler).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def decided(client: Loopback, name: str, type_: str = "Approved") -> None:
    current = await client.get(REQUESTS, "", name)
    condition = {"type": type_, "status": "True", "reason": "Test"}
    status = {"conditions": [condition]}
    await client.update(REQUESTS, {**current, "status": status}, "approval")


async def status_of(client: Loopback, name: str) -> dict[str, Any]:
    status: dict[str, Any] = (await client.get(REQUESTS, "", name)).get("status") or {}
    return status


async def test_an_approved_request_is_signed(client: Loopback, signer: ClusterSigner) -> None:
    async with running(client, CertificateSigner(client, signer.sign)):
        await client.create(REQUESTS, document("a", pem("ann", ["devs"]), API_SERVER_CLIENT))
        await client.create(REQUESTS, document("other", pem(), "example.com/signer"))
        await client.create(REQUESTS, document("denied", pem(), API_SERVER_CLIENT))
        await decided(client, "denied", "Denied")
        await decided(client, "other")
        await decided(client, "a")

        async def is_signed() -> object:
            return (await status_of(client, "a")).get("certificate")

        await eventually(is_signed)
        signed = b64decode((await status_of(client, "a"))["certificate"])
        assert x509.load_pem_x509_certificate(signed).subject.rfc4514_string() == "CN=ann,O=devs"
        for name in ("other", "denied"):
            assert "certificate" not in await status_of(client, name)


async def test_what_a_signer_does_not_sign_has_failed(
    client: Loopback, signer: ClusterSigner
) -> None:
    asked = document("a", pem(), API_SERVER_CLIENT, ["server auth"])
    await client.create(REQUESTS, asked)
    await decided(client, "a")
    controller = CertificateSigner(client, signer.sign)
    assert await controller.reconcile("a") is None
    status = await status_of(client, "a")
    failed = status["conditions"][-1]
    assert (failed["type"], failed["status"], failed["reason"], failed["message"]) == (
        "Failed",
        "True",
        "SignerValidationFailure",
        "invalid usage for client certificate: server auth",
    )
    assert failed["lastUpdateTime"]
    await controller.reconcile("a")
    assert await status_of(client, "a") == status


async def test_a_lost_key_is_tried_again(client: Loopback, tmp_path: Path) -> None:
    lost = ClusterSigner(tmp_path / "ca.crt", tmp_path / "ca.key", 86_400.0)
    await client.create(REQUESTS, document("a", pem(), API_SERVER_CLIENT))
    await decided(client, "a")
    assert await CertificateSigner(client, lost.sign).reconcile("a") == Requeue(None)
    assert "certificate" not in await status_of(client, "a")


class Rights:
    """Who may have which requests approved."""

    def __init__(self, *granted: str) -> None:
        self.granted = set(granted)
        self.asked: list[AuthorizationAttributes] = []

    async def __call__(self, attributes: AuthorizationAttributes) -> bool:
        self.asked.append(attributes)
        return attributes.subresource in self.granted


def of_node(name: str, **more: Any) -> dict[str, Any]:
    request = pem("system:node:n", ["system:nodes"])
    return document(name, request, more.pop("signer", KUBELET_CLIENT), **more)


@pytest.mark.parametrize(
    ("granted", "user", "message"),
    [
        (["nodeclient"], "system:bootstrap:abcdef", "Auto approving kubelet client certificate"),
        (["selfnodeclient"], "system:node:n", "Auto approving self kubelet client certificate"),
        (["nodeclient"], "system:node:n", "Auto approving kubelet client certificate"),
        (["selfnodeclient"], "system:node:other", ""),
        ([], "system:node:n", ""),
    ],
)
async def test_kubelets_with_the_right_are_approved(
    granted: Sequence[str], user: str, message: str
) -> None:
    async with registry_in_memory() as registry:
        requester = Loopback(registry, UserInfo(user, "u", ("g",), {"k": ("v",)}), "test")
        client = controller_client(registry, "certificate-controller")
        await requester.create(REQUESTS, of_node("a"))
        rights = Rights(*granted)
        result = await CertificateApprover(client, rights).reconcile("a")
        conditions = (await status_of(client, "a")).get("conditions") or []
        if not message:
            assert (result, conditions) == (Requeue(None), [])
            return
        assert (result, len(conditions)) == (None, 1)
        assert conditions[0]["type"] == "Approved"
        assert conditions[0]["reason"] == "AutoApproved"
        assert conditions[0]["message"] == f"{message} after SubjectAccessReview."
        asked = rights.asked[-1]
        assert (asked.verb, asked.resource) == ("create", "certificatesigningrequests")
        assert (asked.user.name, asked.user.groups) == (user, ("g",))


@pytest.mark.parametrize(
    "asked",
    [
        of_node("a", signer=API_SERVER_CLIENT),
        of_node("a", usages=["client auth"]),
        document("a", pem("ann"), KUBELET_CLIENT),
    ],
)
async def test_other_requests_are_left_to_people(client: Loopback, asked: dict[str, Any]) -> None:
    await client.create(REQUESTS, asked)
    rights = Rights("nodeclient", "selfnodeclient")
    assert await CertificateApprover(client, rights).reconcile("a") is None
    assert not (await status_of(client, "a")).get("conditions")


class AtHours(Clock):
    """A time some hours after now."""

    def __init__(self, hours: float) -> None:
        self._hours = hours

    def time(self) -> float:
        return super().time() + self._hours * HOUR


async def is_gone(client: Loopback, hours: float) -> bool:
    await CertificateCleaner(client, AtHours(hours)).reconcile("a")
    try:
        await client.get(REQUESTS, "", "a")
    except NotFound:
        return True
    return False


@pytest.mark.parametrize(("decision", "hours"), [("", 24.0), ("Approved", 1.0), ("Denied", 1.0)])
async def test_requests_are_deleted_after_a_while(
    client: Loopback, decision: str, hours: float
) -> None:
    await client.create(REQUESTS, document("a", pem(), API_SERVER_CLIENT))
    if decision:
        await decided(client, "a", decision)
    left = await CertificateCleaner(client).reconcile("a")
    assert left is not None
    assert left.seconds == pytest.approx(hours * HOUR, abs=30)
    assert not await is_gone(client, hours - 0.1)
    assert await is_gone(client, hours + 0.1)


async def test_a_request_whose_certificate_has_expired_is_deleted(
    client: Loopback, signer: ClusterSigner
) -> None:
    asked = document("a", pem(), API_SERVER_CLIENT, expirationSeconds=600)
    await client.create(REQUESTS, asked)
    await decided(client, "a")
    await CertificateSigner(client, signer.sign).reconcile("a")
    assert not await is_gone(client, 0.1)
    assert await is_gone(client, 0.2)


@pytest.mark.parametrize(
    ("asked", "lifetime"),
    [
        (None, timedelta(days=1) - timedelta(minutes=5)),
        (86_400 * 365, timedelta(days=1) - timedelta(minutes=5)),
        (3600, timedelta(hours=1)),
        (10, timedelta(minutes=10)),
        (8 * 3600, timedelta(hours=8) - timedelta(minutes=5)),
    ],
)
def test_the_lifetime_is_what_was_asked_for_within_limits(
    signer: ClusterSigner, asked: int | None, lifetime: timedelta
) -> None:
    now = datetime.now(UTC)
    signed = x509.load_pem_x509_certificate(signer.sign(pem(), CLIENT, asked))
    assert abs(signed.not_valid_after_utc - now - lifetime) < timedelta(seconds=30)
    early = now - timedelta(minutes=5)
    assert abs(signed.not_valid_before_utc - early) < timedelta(seconds=30)


def test_a_certificate_has_nothing_that_a_client_could_abuse(signer: ClusterSigner) -> None:
    uid = x509.NameAttribute(x509.ObjectIdentifier("1.3.6.1.4.1.57683.2"), "someone")
    names = [x509.DNSName("a"), x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))]
    request = pem("ann", ["devs"], names, [uid])
    signed = x509.load_pem_x509_certificate(signer.sign(request, CLIENT, None))
    assert signed.subject.rfc4514_string() == "CN=ann,O=devs"
    found = signed.extensions
    alternatives = found.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(alternatives) == [x509.DNSName("a")]
    assert found.get_extension_for_class(x509.BasicConstraints).value.ca is False
    usage = found.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (
        True, True, False,
    )  # fmt: skip
    with pytest.raises(ValueError, match="unrecognized usage values"):
        signer.sign(pem(), ["anything"], None)
