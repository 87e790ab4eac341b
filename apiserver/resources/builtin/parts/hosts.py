"""Host names, and names in URLs."""

from __future__ import annotations

import re
from typing import Final

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.names import (
    dns1123_label_problems,
    dns1123_subdomain_problems,
    path_segment_problems,
)

_SUBDOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_WILDCARD_RULE: Final = rf"\*\.{_SUBDOMAIN}"
_WILDCARD: Final = re.compile(_WILDCARD_RULE)


def wildcard_problems(value: str) -> list[str]:
    """Return why a text is not a wildcard host name: ``*.example.com``."""
    problems = []
    if len(value.encode()) > 253:
        problems.append("must be no more than 253 bytes")
    if not _WILDCARD.fullmatch(value):
        problems.append(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS "
            "subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and "
            "end with an alphanumeric character (e.g. '*.example.com', regex used for validation "
            f"is '{_WILDCARD_RULE}')"
        )
    return problems


def validate_domain_name(value: str, path: str) -> list[FieldError]:
    """Reject a value that is not a domain of at least two labels; a trailing dot is accepted."""
    if not value:
        return [required(path)]
    value = value.removesuffix(".")
    problems = dns1123_subdomain_problems(value)
    if problems:
        return [invalid(path, value, ",".join(problems))]
    labels = value.split(".")
    if len(labels) < 2:
        detail = "should be a domain with at least two segments separated by dots"
        return [invalid(path, value, detail)]
    wrong = [text for label in labels for text in dns1123_label_problems(label)]
    return [invalid(path, value, ",".join(wrong))] if wrong else []


def validate_path_segment(value: str, path: str) -> list[FieldError]:
    """Reject a value that is not a valid URL path segment."""
    return [invalid(path, value, problem) for problem in path_segment_problems(value)]
