"""Describes failed connections in the words of Go's net, crypto/tls and crypto/x509 packages.

OpenSSL and Go examine certificates in another order: Go complains first about the time, then about
the name, then about the issuer. So the certificate that was refused is fetched once more, and
examined here.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from cryptography import x509

_FETCH_SECONDS: Final = 5.0
_UNKNOWN_AUTHORITY: Final = "certificate signed by unknown authority"
#: X509_V_ERR_INVALID_PURPOSE of OpenSSL.
_WRONG_PURPOSE: Final = 26
_CALLED: Final = re.compile(r"\('([^']+)', (\d+)")
_MAX_NAMES: Final = 100
_PLAIN_TEXT: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")


def describe_error(error: aiohttp.ClientError) -> str:
    """Return why a request failed."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return _lookup_error(error)
        case aiohttp.ClientConnectorError():
            return _dial_error(error.host, error.port, error.os_error)
        case aiohttp.ServerDisconnectedError():
            return "EOF"
        case aiohttp.ClientOSError():
            return _os_error(error)
        case aiohttp.ClientResponseError():
            return f"net/http: HTTP/1.x transport connection broken: {error.message}"
        case _:
            return str(error) or type(error).__name__


async def describe_certificate(
    host: str, port: int, server_name: str, error: aiohttp.ClientConnectorCertificateError
) -> str:
    """Return why the certificate of a server was refused, which is expected to be for a name."""
    why = await _certificate_error(host, port, server_name, error)
    return f"tls: failed to verify certificate: x509: {why}"


def _lookup_error(error: aiohttp.ClientConnectorDNSError) -> str:
    cause = error.os_error
    if isinstance(cause, socket.gaierror) or cause.errno is not None:
        return f"dial tcp: lookup {error.host}: no such host"
    # A Service that cannot be resolved, which says so itself.
    return str(cause)


def _dial_error(host: str, port: int | None, cause: OSError) -> str:
    if isinstance(cause, ssl.SSLError):
        # Its errno is no number of the system's.
        if cause.reason in _PLAIN_TEXT:
            return "http: server gave HTTP response to HTTPS client"
        return f"remote error: tls: {(cause.reason or str(cause)).lower().replace('_', ' ')}"
    if isinstance(cause, ConnectionResetError | ConnectionAbortedError):
        return "EOF"
    called = _CALLED.search(str(cause))
    address, number = called.groups() if called else (host, port)
    where = f"[{address}]:{number}" if ":" in address else f"{address}:{number}"
    return f"dial tcp {where}: connect: {_os_error(cause)}"


def _os_error(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error) or "EOF"


async def _certificate_error(
    host: str, port: int, server_name: str, error: aiohttp.ClientConnectorCertificateError
) -> str:
    try:
        certificate = await _certificate_at(host, port, server_name)
    except (OSError, TimeoutError, ValueError):
        # The server has disconnected, or its certificate cannot be read.
        return _UNKNOWN_AUTHORITY
    problem = _time_error(certificate) or _name_error(certificate, server_name)
    if problem is not None:
        return problem
    if getattr(error.certificate_error, "verify_code", 0) == _WRONG_PURPOSE:
        return "certificate specifies an incompatible key usage"
    return _UNKNOWN_AUTHORITY


async def _certificate_at(host: str, port: int, server_name: str) -> x509.Certificate:
    """Return the certificate of a server, whatever it is. Raises OSError, or ValueError."""
    from cryptography import x509

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(_FETCH_SECONDS):
        _, writer = await asyncio.open_connection(
            host, port, ssl=context, server_hostname=server_name
        )
    try:
        peer: ssl.SSLObject = writer.get_extra_info("ssl_object")
        der = peer.getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    return x509.load_der_x509_certificate(der or b"")


def _time_error(certificate: x509.Certificate) -> str | None:
    now = datetime.now(UTC)
    for wrong, relation, limit in (
        (now < certificate.not_valid_before_utc, "before", certificate.not_valid_before_utc),
        (now > certificate.not_valid_after_utc, "after", certificate.not_valid_after_utc),
    ):
        if wrong:
            return (
                "certificate has expired or is not yet valid: "
                f"current time {_rfc3339(now)} is {relation} {_rfc3339(limit)}"
            )
    return None


def _rfc3339(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _name_error(certificate: x509.Certificate, wanted: str) -> str | None:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        if any(_matches(name, wanted) for name in _common_names(certificate)):
            return "certificate relies on legacy Common Name field, use SANs instead"
        return _mismatch([], [], wanted)
    addresses = [str(each) for each in names.get_values_for_type(x509.IPAddress)]
    return _mismatch(names.get_values_for_type(x509.DNSName), addresses, wanted)


def _mismatch(dns_names: list[str], addresses: list[str], wanted: str) -> str | None:
    valid = dns_names
    if _is_address(wanted):
        if str(ip_address(wanted)) in addresses:
            return None
        if not addresses:
            return (
                f"cannot validate certificate for {wanted} because it doesn't contain any IP SANs"
            )
        valid = addresses
    elif any(_matches(name, wanted) for name in dns_names):
        return None
    if not valid:
        return f"certificate is not valid for any names, but wanted to match {wanted}"
    if len(valid) >= _MAX_NAMES:
        return f"certificate is valid for {len(valid)} names, but none matched {wanted}"
    return f"certificate is valid for {', '.join(valid)}, not {wanted}"


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _common_names(certificate: x509.Certificate) -> list[str]:
    from cryptography.x509.oid import NameOID

    attributes = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return [str(attribute.value) for attribute in attributes]


def _matches(pattern: str, name: str) -> bool:
    """Return whether a DNS name matches a pattern, whose first label may be a star."""
    wanted, given = pattern.lower().split("."), name.lower().rstrip(".").split(".")
    return len(wanted) == len(given) and (
        wanted == given or (wanted[0] == "*" and wanted[1:] == given[1:])
    )
