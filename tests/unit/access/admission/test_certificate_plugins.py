"""Who may approve, sign and ask for certificates."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from apiserver.access.admission.chain import CREATE, UPDATE
from apiserver.access.admission.plugins.certificates import (
    CertificateApproval,
    CertificateSigning,
    CertificateSubjectRestriction,
)
from apiserver.access.authorization.authorizer import (
    ALLOWED,
    NO_OPINION,
    AuthorizationAttributes,
    AuthorizationDecision,
)
from apiserver.machinery.builtin_resources import (
    REQUESTS,
)
from apiserver.machinery.objects import Object
from tests.unit.access.admission.admitting import Admission, named


class Allowing:
    """Allows one verb on signers of one name."""

    def __init__(self, verb: str, name: str) -> None:
        self._allowed = (verb, name)

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        asked = (attributes.verb, attributes.name)
        return ALLOWED if asked == self._allowed else NO_OPINION


REQUEST = named("r", spec={"signerName": "example.com/s"})
SIGNED = {**REQUEST, "status": {"certificate": "AAAA"}}


@pytest.mark.parametrize(
    ("allowed", "admitted"),
    [
        (("approve", "example.com/s"), True),
        (("approve", "example.com/*"), True),
        (("sign", "example.com/s"), False),
    ],
)
async def test_those_approve_who_may(allowed: tuple[str, str], admitted: bool) -> None:
    admission = Admission([CertificateApproval(Allowing(*allowed))])
    result, _ = await admission.admit(
        REQUESTS, REQUEST, UPDATE, old=REQUEST, subresource="approval"
    )
    refusal = (
        'certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to '
        'approve requests with signerName "example.com/s"'
    )
    assert result == (REQUEST if admitted else refusal)


@pytest.mark.parametrize(
    ("new", "name", "admitted"),
    [(SIGNED, "example.com/s", True), (SIGNED, "other", False), (REQUEST, "other", True)],
)
async def test_those_sign_who_may(new: Object, name: str, admitted: bool) -> None:
    admission = Admission([CertificateSigning(Allowing("sign", name))])
    result, _ = await admission.admit(REQUESTS, new, UPDATE, old=REQUEST, subresource="status")
    assert (result == new) is admitted


@pytest.mark.parametrize(
    ("signer", "group", "admitted"),
    [
        ("kubernetes.io/kube-apiserver-client", "system:masters", False),
        ("kubernetes.io/kube-apiserver-client", "others", True),
        ("example.com/s", "system:masters", True),
    ],
)
async def test_nobody_asks_to_be_an_administrator(signer: str, group: str, admitted: bool) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    pem = b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()
    request = named("r", spec={"signerName": signer, "request": pem})
    result, _ = await Admission([CertificateSubjectRestriction()]).admit(REQUESTS, request, CREATE)
    refusal = (
        'certificatesigningrequests.certificates.k8s.io "r" is forbidden: use of '
        "kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"
    )
    assert result == (request if admitted else refusal)
