"""Names of properties in expressions, where not all that JSON allows is an identifier.

See "Validation rules" in the documentation of CustomResourceDefinitions.
"""

from __future__ import annotations

import re
from typing import Final

_ACCESSIBLE: Final = re.compile(r"[a-zA-Z_./-][a-zA-Z0-9_./-]*", re.ASCII)
_SPECIAL: Final = re.compile(r"__|\.|-|/")
_ESCAPES: Final = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
#: The words that are no identifiers.
RESERVED: Final = frozenset([
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function",
    "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
])  # fmt: skip


def escaped(name: str) -> str:
    """Return the identifier of a property, ``""`` if it has none: ``__namespace__``."""
    if name in RESERVED:
        return f"__{name}__"
    if not _ACCESSIBLE.fullmatch(name):
        return ""
    return _SPECIAL.sub(lambda found: _ESCAPES[found.group()], name)
