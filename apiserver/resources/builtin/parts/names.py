"""Names inside of objects: of ports, environment variables, keys of ConfigMaps, header fields..."""

from __future__ import annotations

import re
from typing import Final

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.names import (
    dns1123_label_problems,
    dns1123_subdomain_problems,
    label_key_problems,
    label_value_problems,
)
from apiserver.machinery.textcache import cache_by_text
from apiserver.resources.builtin.parts.numbers import MAX_INT32, range_problem

_PORT_NAME: Final = re.compile(r"[-a-z0-9]+")
_PLAIN_PORT_NAME: Final = re.compile(r"[a-z][a-z0-9]{0,14}").fullmatch
_LETTER: Final = re.compile(r"[a-z]")
_CONFIG_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_HEADER: Final = re.compile(r"[-A-Za-z0-9]+")
# Matches most valid names; the full check runs only for the others.
_PLAIN_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?").fullmatch
_PLAIN_ENV: Final = re.compile(r"[!-<>-~ ]+").fullmatch

_CONFIG_KEY_RULE: Final = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
    "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
    "'[-._a-zA-Z0-9]+')"
)
_HEADER_RULE: Final = (
    "a valid HTTP header must consist of alphanumeric characters or '-' "
    "(e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"
)


def port_name_problems(value: str) -> list[str]:
    """Return why ``value`` is not the name of a port (RFC 6335, 5.1)."""
    problems: list[str] = []
    if _PLAIN_PORT_NAME(value):
        return problems
    if len(value.encode()) > 15:
        problems.append("must be no more than 15 characters")
    if not _PORT_NAME.fullmatch(value):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _LETTER.search(value):
        problems.append("must contain at least one letter (a-z)")
    if "--" in value:
        problems.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return problems


def port_number_problems(value: int) -> list[str]:
    """Return why ``value`` is not the number of a port."""
    return [] if 1 <= value <= 65535 else [range_problem(1, 65535)]


def validate_port(value: int | str, path: str) -> list[FieldError]:
    """Reject a value that is neither the number nor the name of a port."""
    problems = port_name_problems(value) if isinstance(value, str) else port_number_problems(value)
    return [invalid(path, value, problem) for problem in problems]


def env_name_problems(value: str) -> list[str]:
    """Return why ``value`` is not the name of an environment variable."""
    if _PLAIN_ENV(value):
        return []
    if not value:
        return ["environment variable name must be non-empty"]
    return [
        "a valid environment variable name must consist only of printable ASCII characters other "
        "than '='"
    ]


def config_key_problems(value: str) -> list[str]:
    """Return why ``value`` is not a key of a ConfigMap or a Secret."""
    problems = []
    if len(value.encode()) > 253:
        problems.append("must be no more than 253 bytes")
    if not _CONFIG_KEY.fullmatch(value):
        problems.append(_CONFIG_KEY_RULE)
    if value == ".":
        problems.append("must not be '.'")
    elif value == "..":
        problems.append("must not be '..'")
    elif value.startswith(".."):
        problems.append("must not start with '..'")
    return problems


def header_name_problems(value: str) -> list[str]:
    """Return why ``value`` is not the name of an HTTP header."""
    return [] if _HEADER.fullmatch(value) else [_HEADER_RULE]


def identity_problems(value: int) -> list[str]:
    """Return why ``value`` is not the id of a user or of a group."""
    return [] if 0 <= value <= MAX_INT32 else [range_problem(0, MAX_INT32)]


def validate_dns_label(value: str, path: str) -> list[FieldError]:
    """Reject a value that is not an RFC 1123 label."""
    if _PLAIN_LABEL(value):
        return []
    return [invalid(path, value, problem) for problem in dns1123_label_problems(value)]


def validate_dns_subdomain(value: str, path: str) -> list[FieldError]:
    """Reject a value that is not an RFC 1123 subdomain."""
    if _PLAIN_LABEL(value):
        return []
    return [invalid(path, value, problem) for problem in dns1123_subdomain_problems(value)]


@cache_by_text(4096)
def is_qualified_name(value: str) -> bool:
    """Return whether a text is a qualified name, as keys of labels are."""
    return not label_key_problems(value)


def validate_qualified_name(value: str, path: str) -> list[FieldError]:
    """Reject a value that is not a qualified name: ``name`` or ``example.com/name``."""
    if is_qualified_name(value):
        return []
    return [invalid(path, value, problem) for problem in label_key_problems(value)]


def validate_label_value(value: str, path: str) -> list[FieldError]:
    """Reject a value that is not a value of a label."""
    if not value or _PLAIN_LABEL(value):
        return []
    return [invalid(path, value, problem) for problem in label_value_problems(value)]
