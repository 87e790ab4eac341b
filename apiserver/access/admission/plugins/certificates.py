"""CertificateApproval, CertificateSigning and CertificateSubjectRestriction."""

from __future__ import annotations

from base64 import b64decode
from typing import Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.access.authorization.authorizer import AuthorizationAttributes, Authorizer, Verdict
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import REQUESTS
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.machinery.users import MASTERS

_CLIENT_SIGNER: Final = "kubernetes.io/kube-apiserver-client"


class CertificateApproval:
    """Requires the permission ``approve`` on the signer to approve a request."""

    name = "CertificateApproval"

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == REQUESTS and operation == UPDATE and subresource == "approval"

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        signer = _signer(attributes.object)
        if not await _is_allowed(self._authorizer, attributes, "approve", signer):
            raise attributes.forbidden(
                f"user not permitted to approve requests with signerName {quote(signer)}"
            )


class CertificateSigning:
    """Requires the permission ``sign`` on the signer to issue a certificate."""

    name = "CertificateSigning"

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == REQUESTS and operation == UPDATE and subresource == "status"

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        if _answer(attributes.object) == _answer(attributes.old_object):
            return
        signer = _signer(attributes.old_object)
        if not await _is_allowed(self._authorizer, attributes, "sign", signer):
            raise attributes.forbidden(
                f"user not permitted to sign requests with signerName {quote(signer)}"
            )


class CertificateSubjectRestriction:
    """Rejects requests for client certificates of the group system:masters."""

    name = "CertificateSubjectRestriction"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == REQUESTS and operation == CREATE and not subresource

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        document = attributes.object
        assert document is not None
        if _signer(document) != _CLIENT_SIGNER:
            return
        # Imported late: it is slow to import and rarely needed.
        from cryptography import x509
        from cryptography.x509.oid import NameOID

        try:
            request = x509.load_pem_x509_csr(b64decode(document["spec"].get("request") or ""))
        except ValueError as error:
            raise attributes.forbidden(f"failed to parse CSR: {error}") from error
        groups = request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        if any(group.value == MASTERS for group in groups):
            raise attributes.forbidden(
                f"use of {_CLIENT_SIGNER} signer with {MASTERS} group is not allowed"
            )


def _signer(document: Object | None) -> str:
    signer: str = ((document or {}).get("spec") or {}).get("signerName", "")
    return signer


def _answer(document: Object | None) -> tuple[object, object]:
    status = (document or {}).get("status") or {}
    return status.get("certificate"), status.get("conditions") or []


async def _is_allowed(
    authorizer: Authorizer, attributes: AdmissionAttributes, verb: str, signer: str
) -> bool:
    # Permission on the signer, or on all signers of its domain.
    for name in (signer, f"{signer.partition('/')[0]}/*"):
        asked = AuthorizationAttributes(
            user=attributes.user,
            verb=verb,
            path="",
            is_resource_request=True,
            group="certificates.k8s.io",
            version="*",
            resource="signers",
            name=name,
        )
        if (await authorizer.authorize(asked)).verdict is Verdict.ALLOW:
            return True
    return False
