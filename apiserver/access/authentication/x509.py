"""Client certificates: the common name is the user, the organizations are the groups.

TLS has verified the certificate against the client CA before a request is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass

CREDENTIAL_ID: Final = "authentication.kubernetes.io/credential-id"
_UID: Final = "1.3.6.1.4.1.57683.2"

#: A distinguished name in the form of `ssl.SSLSocket.getpeercert`.
Subject = Sequence[Sequence[tuple[str, str]]]


@valueclass
class Certificate:
    """A client certificate that was valid in the handshake: its subject and its DER encoding.

    ``not_after`` is when it expires, in seconds since 1970. ``anchor`` is the trusted certificate,
    in DER, that it was verified by, empty if that is not known.
    """

    subject: Subject
    der: bytes
    not_after: float
    anchor: bytes = b""


def common_name(certificate: Certificate) -> str:
    """Return the common name of a certificate, ``""`` if it has none."""
    pairs = (pair for names in certificate.subject for pair in names)
    return next((value for attribute, value in pairs if attribute == "commonName"), "")


def certificate_user(certificate: Certificate) -> UserInfo | None:
    """Return the user of a certificate, ``None`` if it has no common name."""
    name, uid = "", ""
    groups: list[str] = []
    for attribute, value in (pair for names in certificate.subject for pair in names):
        match attribute:
            case "commonName":
                name = value
            case "organizationName":
                groups.append(value)
            case _ if attribute == _UID:
                uid = value
    if not name:
        return None
    digest = hashlib.sha256(certificate.der).hexdigest()
    extra = {CREDENTIAL_ID: (f"X509SHA256={digest}",)}
    return UserInfo(name, uid=uid, groups=tuple(groups), extra=extra)
