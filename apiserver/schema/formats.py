"""Formats: the names that ``format`` may have in the schema of a custom kind.

A format that is not known for its type is ignored. Hyphens in names do not count: ``date-time`` is
``datetime``. The names are those of kube-apiserver v1.36 for CustomResourceDefinitions.
"""

from __future__ import annotations

from typing import Final

_TEXTS: Final = frozenset(
    "bsonobjectid byte cidr creditcard date datetime duration email hexcolor hostname ipv4 ipv6 "
    "isbn isbn10 isbn13 k8slongname k8sshortname mac password quantity rgbcolor ssn uri uuid uuid3 "
    "uuid4 uuid5".split()
)
_KNOWN: Final = {
    "": _TEXTS,
    "string": _TEXTS,
    "integer": frozenset(("int32", "int64")),
    "number": frozenset(("double", "float")),
}


def is_known_format(format_: str, type_: str) -> bool:
    """Return whether a format is known for a type, ``""`` if no type or several are declared."""
    known = _KNOWN.get(type_, frozenset())
    return (format_.replace("-", "") if known is _TEXTS else format_) in known
