"""admin.kubeconfig: a kubeconfig for the administrator of this server."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Final

from apiserver.server.files import write_private
from apiserver.server.pki import ADMIN_NAME, Identity

_TEMPLATE: Final = """\
apiVersion: v1
kind: Config
clusters:
- name: apiserver
  cluster:
    server: {server}
    certificate-authority-data: {authority}
users:
- name: {user}
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
contexts:
- name: {user}@apiserver
  context:
    cluster: apiserver
    user: {user}
current-context: {user}@apiserver
"""


def write_kubeconfig(path: Path, server: str, identity: Identity) -> None:
    """Write a kubeconfig for the administrator of the server at the URL ``server``."""
    # A given serving certificate has another issuer, so the certificate itself is trusted.
    trusted = identity.ca.certificate.read_bytes() + identity.serving.certificate.read_bytes()
    text = _TEMPLATE.format(
        server=server,
        authority=_encoded(trusted),
        user=ADMIN_NAME,
        certificate=_encoded(identity.admin.certificate.read_bytes()),
        key=_encoded(identity.admin.key.read_bytes()),
    )
    write_private(path, text.encode())


def _encoded(data: bytes) -> str:
    return b64encode(data).decode()
