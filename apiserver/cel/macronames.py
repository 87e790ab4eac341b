"""Names of macros that cel-go has and cel-cpp lacks: the same macro has another name there.

cel-go has both ``exists_one`` and ``existsOne``, each with one variable and with two. cel-cpp has
the first with one variable and the second with two.
"""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = r"[A-Za-z_]\w*"
#: The pattern of a whole string literal or comment.
LITERALS: Final = (
    r"""//[^\n]*"""
    r"""|[rR][bB]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*')"""
    r"""|\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}"""
    r"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
)
# Texts and comments first: no macros are in them.
_TOKENS: Final = re.compile(
    rf"""{LITERALS}"""
    rf"""|\b(?:(?P<two>exists_one)\b(?=\s*\(\s*{_NAME}\s*,\s*{_NAME}\s*,)"""
    rf"""|(?P<one>existsOne)\b(?=\s*\()(?!\s*\(\s*{_NAME}\s*,\s*{_NAME}\s*,))""",
    re.DOTALL,
)
# With a space, so that what follows stays in its column.
_KNOWN: Final = {"two": "existsOne ", "one": "exists_one"}


def with_known_macros(source: str) -> str:
    """Return an expression with the names that cel-cpp has for its macros."""
    if "exists" not in source:
        return source
    return _TOKENS.sub(lambda found: _KNOWN.get(found.lastgroup or "", found[0]), source)
