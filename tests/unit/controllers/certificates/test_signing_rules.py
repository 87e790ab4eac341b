"""What each signer signs, and the reason that it gives for what it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID

from apiserver.controllers.certificates.signing_rules import (
    API_SERVER_CLIENT,
    KUBELET_CLIENT,
    KUBELET_SERVING,
    LEGACY_UNKNOWN,
    parse_request,
    problem_of,
)
from tests.unit.controllers.certificates.requests import CLIENT, SERVER, address, dns, pem

NODE: dict[str, Any] = {"name": "system:node:n", "groups": ["system:nodes"]}
MAIL = x509.RFC822Name("a@example.com")
URI = x509.UniformResourceIdentifier("spiffe://a/b")


@pytest.mark.parametrize(
    ("signer", "request_", "usages", "problem"),
    [
        (API_SERVER_CLIENT, {}, CLIENT, ""),
        (API_SERVER_CLIENT, {"groups": ["a", "b"]}, ["client auth"], ""),
        (
            API_SERVER_CLIENT,
            {},
            ["digital signature"],
            "missing required usage for client certificate: client auth",
        ),
        (
            API_SERVER_CLIENT,
            {},
            [*CLIENT, "server auth"],
            "invalid usage for client certificate: server auth",
        ),
        (KUBELET_CLIENT, NODE, CLIENT, ""),
        (KUBELET_CLIENT, NODE, ["client auth", "digital signature"], ""),
        (
            KUBELET_CLIENT,
            NODE,
            ["client auth"],
            "usages did not match [client auth digital signature key encipherment]",
        ),
        (
            KUBELET_CLIENT,
            {**NODE, "groups": ["system:nodes", "more"]},
            CLIENT,
            "subject organization is not system:nodes",
        ),
        (
            KUBELET_CLIENT,
            {**NODE, "name": "ann"},
            CLIENT,
            "subject common name does not begin with system:node:",
        ),
        (
            KUBELET_CLIENT,
            {**NODE, "names": [dns("a")]},
            CLIENT,
            "DNS subjectAltNames are not allowed",
        ),
        (
            KUBELET_CLIENT,
            {**NODE, "names": [address("::1")]},
            CLIENT,
            "IP subjectAltNames are not allowed",
        ),
        (KUBELET_CLIENT, {**NODE, "names": [URI]}, CLIENT, "URI subjectAltNames are not allowed"),
        (KUBELET_SERVING, {**NODE, "names": [dns("n")]}, SERVER, ""),
        (KUBELET_SERVING, {**NODE, "names": [address("10.0.0.1")]}, SERVER, ""),
        (KUBELET_SERVING, NODE, SERVER, "DNS or IP subjectAltName is required"),
        (
            KUBELET_SERVING,
            {**NODE, "names": [dns("n"), MAIL]},
            SERVER,
            "Email subjectAltNames are not allowed",
        ),
        (
            KUBELET_SERVING,
            {**NODE, "names": [dns("n")]},
            CLIENT,
            "usages did not match [digital signature key encipherment server auth]",
        ),
        (
            KUBELET_SERVING,
            {"groups": ["system:nodes"], "names": [dns("n")]},
            SERVER,
            "subject common name does not begin with system:node:",
        ),
        (LEGACY_UNKNOWN, {}, ["code signing"], ""),
    ],
)
def test_a_signer_signs(
    signer: str, request_: dict[str, Any], usages: Sequence[str], problem: str
) -> None:
    assert problem_of(signer, parse_request(pem(**request_)), usages) == problem


def test_what_is_no_request_is_an_error() -> None:
    with pytest.raises(ValueError, match="PEM"):
        parse_request(b"nothing")


def test_names_that_cannot_be_read_are_an_error() -> None:
    edi_party_name = b"\x30\x02\xa5\x00"
    names = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, edi_party_name)
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(names, critical=False)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )
    with pytest.raises(ValueError, match="EDIPartyName"):
        parse_request(request.public_bytes(serialization.Encoding.PEM))
