"""Errors in DER-encoded (X.690) certificates and requests, with the messages of Go's parser.

This module checks the outer structure, which is where most errors are: another format, truncated
data, trailing data. The cryptography library parses the content of a valid structure.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from apiserver.machinery.valueclasses import valueclass

_SEQUENCE: Final = 16
_INTEGER: Final = 2
_BIT_STRING: Final = 3
_CONTEXT: Final = 2
_MALFORMED: Final = "x509: malformed certificate"
#: The parts of a certificate after its version (RFC 5280, 4.1), and the error for each.
_BODY: Final = (
    (_INTEGER, "x509: malformed serial number"),
    (_SEQUENCE, "x509: malformed signature algorithm identifier"),
    (_SEQUENCE, "x509: malformed issuer"),
    (_SEQUENCE, "x509: malformed validity"),
    (_SEQUENCE, "x509: malformed issuer"),
    (_SEQUENCE, "x509: malformed spki"),
)


@valueclass
class _Element:
    """One element: its class, its tag, whether it is constructed, and the range of its content."""

    kind: int
    tag: int
    constructed: bool
    start: int
    end: int


class _Truncated(ValueError):
    """The data ends before the element does; the message names the missing part."""


def certificate_problem(data: bytes) -> str:
    """Return the error in a sequence of certificates, ``""`` if there is none."""
    while data:
        problem, data = _first_certificate(data)
        if problem:
            return problem
    return ""


def single_certificate_problem(data: bytes) -> str:
    """Return the problem with data that should be one certificate, ``""`` for nothing."""
    problem, rest = _first_certificate(data)
    return problem or ("x509: trailing data" if rest else "")


def request_problem(data: bytes) -> str:
    """Return the error in a certificate request (RFC 2986) or its signature, ``""`` if none."""
    problem = _request_frame(data)
    if problem:
        return problem
    try:
        request = x509.load_der_x509_csr(data)
        key, valid = request.public_key(), request.is_signature_valid
    except UnsupportedAlgorithm:
        return "x509: cannot verify signature: algorithm unimplemented"
    except ValueError:
        return "asn1: structure error: malformed certificate request"
    if valid:
        return ""
    if isinstance(key, rsa.RSAPublicKey):
        return "crypto/rsa: verification error"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "x509: ECDSA verification failure"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "x509: Ed25519 verification failure"
    return "x509: cannot verify signature: algorithm unimplemented"


def _first_certificate(data: bytes) -> tuple[str, bytes]:
    try:
        whole = _expected(data, 0, len(data), _SEQUENCE)
        if whole is None:
            return _MALFORMED, b""
        problem = _frame_problem(data, whole)
    except _Truncated:
        return _MALFORMED, b""
    if problem:
        return problem, b""
    try:
        x509.load_der_x509_certificate(data[: whole.end])
    except ValueError:
        return _MALFORMED, b""
    return "", data[whole.end :]


def _frame_problem(data: bytes, whole: _Element) -> str:
    body = _wanted(data, whole.start, whole.end, _SEQUENCE)
    if body is None:
        return "x509: malformed tbs certificate"
    at = body.start
    version = _wanted(data, at, body.end, 0, kind=_CONTEXT)
    if version is not None:
        at = version.end
    for tag, problem in _BODY:
        part = _wanted(data, at, body.end, tag)
        if part is None:
            return problem
        at = part.end
    algorithm = _wanted(data, body.end, whole.end, _SEQUENCE)
    if algorithm is None:
        return "x509: malformed algorithm identifier"
    if _wanted(data, algorithm.end, whole.end, _BIT_STRING) is None:
        return "x509: malformed signature"
    return ""


def _request_frame(data: bytes) -> str:
    if not data:
        return "asn1: syntax error: sequence truncated"
    try:
        whole = _element(data, 0, len(data))
    except _Truncated as error:
        return f"asn1: syntax error: {error}"
    if (whole.kind, whole.tag, whole.constructed) != (0, _SEQUENCE, True):
        found = (
            f"{{class:{whole.kind} tag:{whole.tag} length:{whole.end - whole.start} "
            f"isCompound:{str(whole.constructed).lower()}}}"
        )
        return (
            f"asn1: structure error: tags don't match ({_SEQUENCE} vs {found}) "
            "{optional:false explicit:false application:false private:false defaultValue:<nil> "
            "tag:<nil> stringType:0 timeType:0 set:false omitEmpty:false} "
            f"certificateRequest @{whole.start}"
        )
    if whole.end > len(data):
        return "asn1: syntax error: data truncated"
    if whole.end < len(data):
        return "asn1: syntax error: trailing data"
    return ""


def _wanted(data: bytes, at: int, end: int, tag: int, *, kind: int = 0) -> _Element | None:
    try:
        return _expected(data, at, end, tag, kind=kind)
    except _Truncated:
        return None


def _expected(data: bytes, at: int, end: int, tag: int, *, kind: int = 0) -> _Element | None:
    element = _element(data, at, end)
    if element.end > end:
        raise _Truncated("data truncated")
    return element if (element.kind, element.tag) == (kind, tag) else None


def _element(data: bytes, at: int, end: int) -> _Element:
    """Read the head of an element. Raises _Truncated; its content may still go beyond ``end``."""
    if at + 2 > end:
        raise _Truncated("truncated tag or length")
    first, length, at = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if at + count > end or not 0 < count <= 4:
            raise _Truncated("truncated tag or length")
        length = int.from_bytes(data[at : at + count], "big")
        at += count
    return _Element(first >> 6, first & 0x1F, bool(first & 0x20), at, at + length)
