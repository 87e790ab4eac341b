"""The types of the objects that an expression makes: any path below ``Object``, with any members.

The checker knows messages only by declared names and members, and has no name with a dot beside a
member of the same name. So each dot of such a name becomes a letter in what the checker sees; the
length, and with it every position in an error, stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from apiserver.cel.descriptors import DYNAMIC
from apiserver.cel.objectvalues import JSON_PATCH, OBJECT
from apiserver.machinery.valueclasses import valueclass

_PATCH: Final = {"op": "string", "path": "string", "from": "string", "value": DYNAMIC}
# Texts and comments, in which nothing is a name, and names of types.
_TOKEN: Final = re.compile(
    r'[rR][bB]?"""[\s\S]*?"""' r"|[rR][bB]?'''[\s\S]*?'''"
    r'|"""(?:\\[\s\S]|[^\\])*?"""' r"|'''(?:\\[\s\S]|[^\\])*?'''"
    r"""|[rR][bB]?"[^"\n]*"|[rR][bB]?'[^'\n]*'"""
    r"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
    r"|//[^\n]*"
    rf"|(?P<type>(?<![\w.]){OBJECT}(?:\.\w+)+(?=\s*\{{))"
)  # fmt: skip
_MEMBER: Final = re.compile(r"([A-Za-z_]\w*)\s*:", re.ASCII)
_LETTERS: Final = "Z_QXJ"


@valueclass
class PatchSource:
    """An expression as the checker sees it, and its types: their true names, and their members."""

    text: str
    names: Mapping[str, str]
    messages: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, source: str) -> PatchSource:
        """Return what the checker is to see of an expression."""
        types = {match["type"] for match in _TOKEN.finditer(source) if match["type"]}
        used = "".join(types)
        letter = next((each for each in _LETTERS if each not in used), _LETTERS[0])
        text = _TOKEN.sub(
            lambda match: match.group().replace(".", letter) if match["type"] else match.group(),
            source,
        )
        names = {type_.replace(".", letter): type_ for type_ in types}
        members = dict.fromkeys(_MEMBER.findall(source), DYNAMIC)
        messages = dict.fromkeys((OBJECT, *names), members) | {JSON_PATCH: _PATCH}
        return cls(text, names, messages)
