"""Names of signers: ``example.com/signer-name``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from apiserver.machinery.fielderrors import FieldError, invalid, required, too_long
from apiserver.machinery.names import dns1123_label_problems, dns1123_subdomain_problems
from apiserver.machinery.quoting import quote

_DOMAIN: Final = 253
# A domain, a slash, and a label and a subdomain with a dot in between.
_NAME: Final = _DOMAIN + 1 + 63 + 1 + 253


def validate_signer_name(name: str, path: str) -> list[FieldError]:
    """Reject a value that is not a domain, a slash and a path."""
    if not name:
        return [required(path)]
    domain, slash, rest = name.partition("/")
    if not slash or "/" in rest:
        detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        return [invalid(path, name, detail)]
    errors = [too_long(path, _DOMAIN)] if len(domain.encode()) > _DOMAIN else []
    labels = domain.split(".")
    errors += _bad_label(path, domain, labels, dns1123_label_problems)
    if len(labels) < 2:
        detail = "should be a domain with at least two segments separated by dots"
        errors.append(invalid(path, domain, detail))
    errors += _bad_label(path, rest, rest.split("."), dns1123_subdomain_problems)
    if len(name.encode()) > _NAME:
        errors.append(too_long(path, _NAME))
    return errors


def _bad_label(
    path: str, value: str, labels: Iterable[str], problems_of: Callable[[str], Sequence[str]]
) -> list[FieldError]:
    """Return the problem with the first invalid label."""
    for label in labels:
        problems = problems_of(label)
        if problems:
            told = f"validating label {quote(label)}: "
            return [invalid(path, value, f"{told}{problem}") for problem in problems]
    return []
