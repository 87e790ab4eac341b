"""Names of signers: ``example.com/signer-name``."""

from __future__ import annotations

from apiserver.machinery.fielderrors import FieldError, invalid, required, too_long
from apiserver.machinery.names import dns1123_label_problems, dns1123_subdomain_problems
from apiserver.machinery.quoting import quote


def validate_signer_name(name: str, path: str) -> list[FieldError]:
    """Reject a value that is not a domain, a slash and a path."""
    if not name:
        return [required(path)]
    domain, slash, rest = name.partition("/")
    if not slash or "/" in rest:
        detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        return [invalid(path, name, detail)]
    errors = [too_long(path, 253)] if len(domain.encode()) > 253 else []
    labels = domain.split(".")
    errors += [
        invalid(path, domain, f"validating label {quote(label)}: {problem}")
        for label in labels
        for problem in dns1123_label_problems(label)
    ]
    if len(labels) < 2:
        detail = "should be a domain with at least two segments separated by dots"
        errors.append(invalid(path, domain, detail))
    errors += [
        invalid(path, rest, f"validating label {quote(label)}: {problem}")
        for label in rest.split(".")
        for problem in dns1123_subdomain_problems(label)
    ]
    return errors
