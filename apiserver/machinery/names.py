"""Validation of names, labels and keys, with Kubernetes' messages."""

from __future__ import annotations

import re

from apiserver.machinery.randomness import random_bytes

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_NAME = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = rf"({_NAME})?"

_LABEL_PATTERN = re.compile(_LABEL)
_SUBDOMAIN_PATTERN = re.compile(_SUBDOMAIN)
_NAME_PATTERN = re.compile(_NAME)
_VALUE_PATTERN = re.compile(_VALUE)
_LABEL_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_LABEL_1035_PATTERN = re.compile(_LABEL_1035)

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH = 5
_MAX_GENERATED_PREFIX = 58

_NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    f"validation is '{_NAME}')"
)


def generate_name(prefix: str) -> str:
    """Append five random characters to ``prefix``, truncated to a total of at most 63."""
    # Of so many bits, the remainders are as good as equally frequent.
    number, suffix = int.from_bytes(random_bytes(8)), ""
    for _ in range(_SUFFIX_LENGTH):
        number, index = divmod(number, len(_SUFFIX_ALPHABET))
        suffix += _SUFFIX_ALPHABET[index]
    return prefix[:_MAX_GENERATED_PREFIX] + suffix


def dns1123_label_problems(value: str) -> list[str]:
    """Return why ``value`` is not an RFC 1123 label of at most 63 characters."""
    # What matches has one byte for each character.
    if len(value) <= 63 and _LABEL_PATTERN.fullmatch(value):
        return []
    problems = _too_long(value, 63, "characters")
    if not _LABEL_PATTERN.fullmatch(value):
        if _SUBDOMAIN_PATTERN.fullmatch(value):
            problems.append("must not contain dots")
        else:
            problems.append(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "
                "'-', and must start and end with an alphanumeric character (e.g. 'my-name',  or "
                f"'123-abc', regex used for validation is '{_LABEL}')"
            )
    return problems


def dns1123_subdomain_problems(value: str) -> list[str]:
    """Return why ``value`` is not an RFC 1123 subdomain of at most 253 characters."""
    if len(value) <= 253 and _SUBDOMAIN_PATTERN.fullmatch(value):
        return []
    problems = _too_long(value, 253, "characters")
    if not _SUBDOMAIN_PATTERN.fullmatch(value):
        problems.append(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
            "'-' or '.', and must start and end with an alphanumeric character (e.g. "
            f"'example.com', regex used for validation is '{_SUBDOMAIN}')"
        )
    return problems


def dns1035_label_problems(value: str) -> list[str]:
    """Return why ``value`` is not an RFC 1035 label."""
    problems = _too_long(value, 63, "characters")
    if not _LABEL_1035_PATTERN.fullmatch(value):
        problems.append(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start "
            "with an alphabetic character, and end with an alphanumeric character (e.g. "
            f"'my-name',  or 'abc-123', regex used for validation is '{_LABEL_1035}')"
        )
    return problems


def path_segment_problems(value: str) -> list[str]:
    """Return why ``value`` is not a valid path segment."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return path_segment_prefix_problems(value)


def path_segment_prefix_problems(value: str) -> list[str]:
    """Return why ``value`` is not a valid prefix of a path segment."""
    return [f"may not contain '{character}'" for character in "/%" if character in value]


def label_key_problems(key: str) -> list[str]:
    """Return why ``key`` is not a qualified name, the form of label keys."""
    if len(key) <= 63 and _NAME_PATTERN.fullmatch(key):
        return []
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        return [
            f"a valid label key {_NAME_RULE} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')"
        ]
    problems = []
    if slash and not prefix:
        problems.append("prefix part must be non-empty")
    elif slash:
        problems += [f"prefix part {problem}" for problem in dns1123_subdomain_problems(prefix)]
    if not name:
        problems.append("name part must be non-empty")
    elif len(name.encode()) > 63:
        problems.append("name part must be no more than 63 bytes")
    if not _NAME_PATTERN.fullmatch(name):
        problems.append(f"name part {_NAME_RULE}")
    return problems


def label_value_problems(value: str) -> list[str]:
    """Return why ``value`` is not a valid label value."""
    if len(value) <= 63 and _VALUE_PATTERN.fullmatch(value):
        return []
    problems = _too_long(value, 63)
    if not _VALUE_PATTERN.fullmatch(value):
        problems.append(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', "
            "'_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  "
            f"or 'my_value',  or '12345', regex used for validation is '{_VALUE}')"
        )
    return problems


def _too_long(value: str, limit: int, unit: str = "bytes") -> list[str]:
    # Kubernetes counts bytes in all of these; only the message for labels says "bytes".
    if len(value.encode()) > limit:
        return [f"must be no more than {limit} {unit}"]
    return []
