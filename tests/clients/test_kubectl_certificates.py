"""A certificate that kubectl has asked for and approved logs its owner in."""

from __future__ import annotations

import uuid
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from tests.clients.conftest import ON_SQLITE, WAITS, Kubectl, PlainKubectl
from tests.server_process import ServerProcess

pytestmark = ON_SQLITE

REQUEST = """
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {{name: {name}}}
spec:
  request: {request}
  signerName: {signer}
  expirationSeconds: 3600
  usages: {usages}
"""


class Asked:
    """A key and a request for a certificate, in files."""

    def __init__(self, folder: Path, common_name: str, organization: str) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key = folder / "user.key"
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.certificate = folder / "user.crt"
        subject = x509.Name([
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ])  # fmt: skip
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        self.request = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def create(self, kubectl: Kubectl, signer: str, usages: str) -> str:
        """Create the request, and return its name."""
        name = f"csr-{uuid.uuid4().hex[:8]}"
        encoded = b64encode(self.request).decode()
        document = REQUEST.format(name=name, request=encoded, signer=signer, usages=usages)
        kubectl("create", "-f", "-", stdin=document)
        return name


@pytest.mark.parametrize(
    ("common_name", "organization", "signer", "usages"),
    [
        ("ann", "devs", "kubernetes.io/kube-apiserver-client", "[client auth]"),
        (
            "system:node:n",
            "system:nodes",
            "kubernetes.io/kube-apiserver-client-kubelet",
            "[client auth, digital signature]",
        ),
    ],
)
def test_an_approved_certificate_logs_in(
    kubectl: Kubectl,
    server: ServerProcess,
    tmp_path: Path,
    common_name: str,
    organization: str,
    signer: str,
    usages: str,
) -> None:
    asked = Asked(tmp_path, common_name, organization)
    name = asked.create(kubectl, signer, usages)
    kubectl("certificate", "approve", name)
    kubectl("wait", f"csr/{name}", "--for=jsonpath={.status.certificate}", WAITS)
    assert "Approved,Issued" in kubectl("get", "csr", name)
    template = "{{.status.certificate | base64decode}}"
    asked.certificate.write_text(kubectl("get", "csr", name, "-o", f"go-template={template}"))

    config = tmp_path / "kubeconfig"
    user = PlainKubectl(config, tmp_path, kubectl.namespace)
    ca = f"--certificate-authority={server.ca}"
    user("config", "set-cluster", "c", f"--server={server.url}", ca)
    files = f"--client-certificate={asked.certificate}", f"--client-key={asked.key}"
    user("config", "set-credentials", "u", *files)
    user("config", "set-context", "x", "--cluster=c", "--user=u")
    user("config", "use-context", "x")
    found = user.json("auth", "whoami")["status"]["userInfo"]
    assert found["username"] == common_name
    assert found["groups"] == [organization, "system:authenticated"]


def test_a_denied_request_is_not_signed(kubectl: Kubectl, tmp_path: Path) -> None:
    asked = Asked(tmp_path, "ann", "devs")
    signer = "kubernetes.io/kube-apiserver-client"
    denied, failed = (
        asked.create(kubectl, signer, "[client auth]"),
        asked.create(kubectl, signer, "[client auth, server auth]"),
    )
    kubectl("certificate", "deny", denied)
    kubectl("certificate", "approve", failed)
    kubectl("wait", f"csr/{failed}", "--for=condition=Failed", WAITS)
    assert "Approved,Failed" in kubectl("get", "csr", failed)
    assert "Denied" in kubectl("get", "csr", denied)
    assert "certificate" not in kubectl.json("get", "csr", denied).get("status", {})
