"""Names in dynamic resource allocation: of drivers' pools, of attributes, of shares."""

from __future__ import annotations

import re
from typing import Final

from apiserver.machinery.fielderrors import FieldError, invalid, required, too_long
from apiserver.resources.builtin.parts.names import validate_dns_label, validate_dns_subdomain
from apiserver.resources.builtin.parts.storagesources import validate_driver_name

_LONGEST_POOL: Final = 253
_LONGEST_IDENTIFIER: Final = 32
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IDENTIFIER_RULE: Final = (
    "a valid C identifier must start with alphabetic character or '_', followed by a string of "
    "alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for "
    "validation is '[A-Za-z_][A-Za-z0-9_]*')"
)
_HEX: Final = "[0-9a-fA-F]"
_UUID: Final = re.compile(f"{_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}}")
_UNIT: Final = re.compile(f"{_HEX}{{32}}")
_NORMALISED: Final = (
    "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with "
    "lowercase hexadecimal characters"
)
_NOT_A_REQUEST: Final = (
    "must be the name of a request in the claim or the name of a request and a subrequest "
    "separated by '/'"
)


def validate_pool_name(name: str, path: str) -> list[FieldError]:
    """Reject a value that is not DNS subdomains with slashes between them."""
    if not name:
        return [required(path)]
    errors = [too_long(path, _LONGEST_POOL)] if len(name.encode()) > _LONGEST_POOL else []
    for part in name.split("/"):
        errors += validate_dns_subdomain(part, path)
    return errors


def validate_share(uid: str, path: str) -> list[FieldError]:
    """Reject a value that is not a UUID in canonical form."""
    problem = _uuid_problem(uid)
    if problem:
        return [invalid(path, uid, f"error validating uid: {problem}")]
    if len(uid) != 36 or uid != uid.lower():
        return [invalid(path, uid, _NORMALISED)]
    return []


def _uuid_problem(uid: str) -> str:
    size = len(uid.encode())
    if size == 45 and uid[:9].lower() != "urn:uuid:":
        return f'invalid urn prefix: "{uid[:9]}"'
    if size == 38 and (uid[0], uid[-1]) != ("{", "}"):
        return "invalid bracketed UUID format"
    plain = {36: uid, 45: uid[9:], 38: uid[1:-1]}.get(size)
    if plain is None and size != 32:
        return f"invalid UUID length: {size}"
    matches = _UNIT.fullmatch(uid) if plain is None else _UUID.fullmatch(plain)
    return "" if matches else "invalid UUID format"


def validate_attribute_name(name: str, path: str) -> list[FieldError]:
    """Reject a value that is not an identifier, nor a driver's name, a slash and one.

    Like Kubernetes, accept any value with more than one slash.
    """
    domain, slash, identifier = name.rpartition("/")
    if "/" in domain:
        return []
    if not slash:
        return _identifier(name, path)
    if domain:
        errors = validate_driver_name(domain, path)
    else:
        errors = [invalid(path, "", "the domain must not be empty")]
    if identifier:
        return errors + _identifier(identifier, path)
    return [*errors, invalid(path, "", "the name must not be empty")]


def validate_full_attribute_name(name: str, path: str) -> list[FieldError]:
    """Reject the name of an attribute without a domain."""
    errors = validate_attribute_name(name, path)
    if "/" not in name:
        detail = "a fully qualified name must be a domain and a name separated by a slash"
        errors.append(invalid(path, name, detail))
    return errors


def _identifier(name: str, path: str) -> list[FieldError]:
    errors = []
    if len(name.encode()) > _LONGEST_IDENTIFIER:
        errors.append(too_long(path, _LONGEST_IDENTIFIER))
    if not _IDENTIFIER.fullmatch(name):
        errors.append(invalid(path, name, _IDENTIFIER_RULE))
    return errors


def validate_request_reference(name: str, path: str, known: frozenset[str]) -> list[FieldError]:
    """Reject a name that is not a request of the claim: ``request``, ``request/subrequest``."""
    parts = name.split("/")
    if len(parts) > 2:
        return [invalid(path, name, _NOT_A_REQUEST)]
    errors: list[FieldError] = []
    for part in parts:
        errors += validate_dns_label(part, path)
    return errors if name in known else [*errors, invalid(path, name, _NOT_A_REQUEST)]
