"""Names with the domain of their owner as a prefix: ``example.com/controller``."""

from __future__ import annotations

import re
from typing import Final

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.names import dns1123_subdomain_problems

_PATH_RULE: Final = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_PATH: Final = re.compile(_PATH_RULE)


def validate_domain_prefixed_path(value: str, path: str) -> list[FieldError]:
    """Reject a value that is not a domain, a slash and a path: ``example.com/controller``."""
    if not value:
        return [required(path)]
    host, slash, rest = value.partition("/")
    if not slash or not host or not rest:
        detail = 'must be a domain-prefixed path (such as "acme.io/foo")'
        return [invalid(path, value, detail)]
    errors = [invalid(path, host, problem) for problem in dns1123_subdomain_problems(host)]
    if not _PATH.fullmatch(rest):
        detail = (
            "Invalid path (e.g. 'my-path',  or 'my.path',  or '/my/path', regex used for "
            f"validation is '{_PATH_RULE}')"
        )
        errors.append(invalid(path, rest, detail))
    return errors
