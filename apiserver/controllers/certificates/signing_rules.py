"""The signers of Kubernetes: which requests each of them signs.

https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass

API_SERVER_CLIENT: Final = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT: Final = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING: Final = "kubernetes.io/kubelet-serving"
LEGACY_UNKNOWN: Final = "kubernetes.io/legacy-unknown"

_NODES: Final = ("system:nodes",)
_NODE_PREFIX: Final = "system:node:"
_DIGITAL_SIGNATURE, _KEY_ENCIPHERMENT = "digital signature", "key encipherment"
_CLIENT_AUTH, _SERVER_AUTH = "client auth", "server auth"
_CLIENT_USAGES: Final = frozenset([_DIGITAL_SIGNATURE, _KEY_ENCIPHERMENT, _CLIENT_AUTH])


@valueclass
class RequestedCertificate:
    """The subject and the alternative names that a request asks for."""

    common_name: str
    organizations: tuple[str, ...]
    dns_names: tuple[str, ...]
    emails: tuple[str, ...]
    addresses: tuple[str, ...]
    uris: tuple[str, ...]


def signer_of(document: Object) -> str:
    """Return the name of the signer that a request is for."""
    name: str = (document.get("spec") or {}).get("signerName", "")
    return name


def usages_of(document: Object) -> list[str]:
    """Return the usages that a request asks for."""
    return (document.get("spec") or {}).get("usages") or []


def request_of(document: Object) -> bytes:
    """Return the PKCS#10 request in PEM."""
    return b64decode((document.get("spec") or {}).get("request") or "")


def parse_request(pem: bytes) -> RequestedCertificate:
    """Parse a PKCS#10 request. Raises ValueError."""
    # Imported with the first request: it takes longer than the start of the server.
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    request = x509.load_pem_x509_csr(pem)
    try:
        extension = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError(str(error)) from error
    subject = request.subject
    # Of several common names the last one counts, as in Go.
    common_names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    organizations = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return RequestedCertificate(
        str(common_names[-1].value) if common_names else "",
        tuple(str(each.value) for each in organizations),
        tuple(names.get_values_for_type(x509.DNSName)),
        tuple(names.get_values_for_type(x509.RFC822Name)),
        tuple(map(str, names.get_values_for_type(x509.IPAddress))),
        tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
    )


def problem_of(signer: str, request: RequestedCertificate, usages: Sequence[str]) -> str:
    """Return why a signer does not sign a request, ``""`` if it does."""
    return SIGNERS[signer](request, usages)


def _client_problem(request: RequestedCertificate, usages: Sequence[str]) -> str:
    for usage in usages:
        if usage not in _CLIENT_USAGES:
            return f"invalid usage for client certificate: {usage}"
    if _CLIENT_AUTH not in usages:
        return f"missing required usage for client certificate: {_CLIENT_AUTH}"
    return ""


def _kubelet_client_problem(request: RequestedCertificate, usages: Sequence[str]) -> str:
    if request.organizations != _NODES:
        return "subject organization is not system:nodes"
    for kind, names in (
        ("DNS", request.dns_names),
        ("Email", request.emails),
        ("IP", request.addresses),
        ("URI", request.uris),
    ):
        if names:
            return f"{kind} subjectAltNames are not allowed"
    if not request.common_name.startswith(_NODE_PREFIX):
        return "subject common name does not begin with system:node:"
    return _usage_problem(usages, _CLIENT_AUTH)


def _kubelet_serving_problem(request: RequestedCertificate, usages: Sequence[str]) -> str:
    if request.organizations != _NODES:
        return "subject organization is not system:nodes"
    if not request.dns_names and not request.addresses:
        return "DNS or IP subjectAltName is required"
    for kind, names in (("Email", request.emails), ("URI", request.uris)):
        if names:
            return f"{kind} subjectAltNames are not allowed"
    problem = _usage_problem(usages, _SERVER_AUTH)
    if not problem and not request.common_name.startswith(_NODE_PREFIX):
        return "subject common name does not begin with system:node:"
    return problem


def _usage_problem(usages: Sequence[str], purpose: str) -> str:
    wanted = {_DIGITAL_SIGNATURE, _KEY_ENCIPHERMENT, purpose}
    # Only keys of RSA encipher other keys.
    if set(usages) in (wanted, wanted - {_KEY_ENCIPHERMENT}):
        return ""
    return f"usages did not match [{' '.join(sorted(wanted))}]"


def _no_problem(request: RequestedCertificate, usages: Sequence[str]) -> str:
    return ""


#: The signers and the checks of each.
SIGNERS: Final[Mapping[str, Callable[[RequestedCertificate, Sequence[str]], str]]] = {
    API_SERVER_CLIENT: _client_problem,
    KUBELET_CLIENT: _kubelet_client_problem,
    KUBELET_SERVING: _kubelet_serving_problem,
    LEGACY_UNKNOWN: _no_problem,
}
