"""References to images: ``[registry/]name[:tag][@digest]``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

ALWAYS, IF_NOT_PRESENT, NEVER = "Always", "IfNotPresent", "Never"
PULL_POLICIES: Final = (ALWAYS, IF_NOT_PRESENT, NEVER)

_HOST_PART: Final = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][-a-zA-Z0-9]*[a-zA-Z0-9])"
_HOST: Final = rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH_PART: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"(?:{_HOST}/)?{_PATH_PART}(?:/{_PATH_PART})*"
    r"(?::(?P<tag>[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}))?"
    r"(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)


@lru_cache(maxsize=4096)
def default_pull_policy(image: str) -> str:
    """Return when to pull an image: always, where it is the latest one that is meant.

    That is so with the tag ``latest`` and with neither tag nor digest. What is no reference at all
    is left to whoever pulls it.
    """
    match = _REFERENCE.fullmatch(image)
    if match is None:
        return IF_NOT_PRESENT
    tag, digest = match["tag"], match["digest"]
    return ALWAYS if tag == "latest" or not (tag or digest) else IF_NOT_PRESENT
