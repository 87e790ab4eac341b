"""The static validation of an issuer: its URLs, audiences and authorities."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from apiserver.access.authentication.oidc.authentication_configuration import Issuer
from apiserver.machinery.fielderrors import FieldError, duplicate, forbidden, invalid, required

_ANY: Final = "MatchAny"
_EGRESS: Final = ("controlplane", "cluster")


def validate_issuer(issuer: Issuer, path: str, own_issuers: Sequence[str]) -> list[FieldError]:
    """Return the errors of an issuer."""
    errors = (
        _validate_url(issuer.url, f"{path}.url", own_issuers)
        if issuer.url
        else [required(f"{path}.url")]
    )
    discovery = issuer.discovery_url
    if discovery:
        where = f"{path}.discoveryURL"
        if issuer.url and issuer.url.rstrip("/") == discovery.rstrip("/"):
            detail = "discoveryURL must be different from URL"
            errors.append(invalid(where, discovery, detail))
        errors += _validate_url(discovery, where, ())
    errors += _validate_audiences(issuer, path)
    if issuer.certificate_authority and not _has_certificates(issuer.certificate_authority):
        detail = "data does not contain any valid RSA or ECDSA certificates"
        errors.append(invalid(f"{path}.certificateAuthority", "<omitted>", detail))
    egress, where = issuer.egress_selector_type, f"{path}.egressSelectorType"
    if egress and egress not in _EGRESS:
        detail = "egress selector must be either controlplane or cluster"
        errors.append(invalid(where, egress, detail))
    elif egress:
        errors.append(forbidden(where, "this server connects to issuers itself"))
    return errors


def _validate_url(url: str, path: str, own_issuers: Sequence[str]) -> list[FieldError]:
    errors = []
    if url in own_issuers:
        shown = " ".join(sorted(set(own_issuers)))
        detail = f"URL must not overlap with disallowed issuers: [{shown}]"
        errors.append(invalid(path, url, detail))
    try:
        parts = urlsplit(url)
    except ValueError as error:
        return [*errors, invalid(path, url, str(error))]
    if parts.scheme != "https":
        errors.append(invalid(path, url, "URL scheme must be https"))
    if parts.username is not None or parts.password is not None:
        errors.append(invalid(path, url, "URL must not contain a username or password"))
    if parts.query:
        errors.append(invalid(path, url, "URL must not contain a query"))
    if parts.fragment:
        errors.append(invalid(path, url, "URL must not contain a fragment"))
    return errors


def _validate_audiences(issuer: Issuer, path: str) -> list[FieldError]:
    where, policy = f"{path}.audiences", issuer.audience_match_policy
    if not issuer.audiences:
        return [required(where, f"at least one {where} is required")]
    errors = []
    seen: set[str] = set()
    for index, audience in enumerate(issuer.audiences):
        if not audience:
            errors.append(required(f"{where}[{index}]"))
        if audience in seen:
            errors.append(duplicate(f"{where}[{index}]", audience))
        seen.add(audience)
    policy_path = f"{path}.audienceMatchPolicy"
    if len(issuer.audiences) > 1 and policy != _ANY:
        detail = "audienceMatchPolicy must be MatchAny for multiple audiences"
        errors.append(invalid(policy_path, policy, detail))
    if len(issuer.audiences) == 1 and policy not in ("", _ANY):
        detail = "audienceMatchPolicy must be empty or MatchAny for single audience"
        errors.append(invalid(policy_path, policy, detail))
    return errors


def _has_certificates(pem: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        return False
    return True
