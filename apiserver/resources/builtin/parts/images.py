"""References to images: ``[registry/]name[:tag][@digest]``."""

from __future__ import annotations

import re
from typing import Final

from apiserver.machinery.textcache import cache_by_text

ALWAYS, IF_NOT_PRESENT, NEVER = "Always", "IfNotPresent", "Never"
PULL_POLICIES: Final = (ALWAYS, IF_NOT_PRESENT, NEVER)

_HOST_PART: Final = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][-a-zA-Z0-9]*[a-zA-Z0-9])"
_HOST: Final = rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH_PART: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_PATH_PART}(?:/{_PATH_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}))?"
    r"(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)


_IDENTIFIER: Final = re.compile("[a-f0-9]{64}")
_LONGEST_PATH: Final = 255
_LIBRARY: Final = "library/"


@cache_by_text(4096)
def default_pull_policy(image: str) -> str:
    """Return the default imagePullPolicy: ``Always`` for the latest image.

    An image is the latest one if its tag is ``latest`` or if it has neither tag nor digest. An
    invalid reference is not an error here; it is left to the container runtime.
    """
    match = _REFERENCE.fullmatch(image)
    if match is None or _IDENTIFIER.fullmatch(image) or _is_too_long(image[: match.end("name")]):
        return IF_NOT_PRESENT
    tag, digest = match["tag"], match["digest"]
    return ALWAYS if tag == "latest" or not (tag or digest) else IF_NOT_PRESENT


def _is_too_long(name: str) -> bool:
    # What precedes the first slash is a registry if it looks like one.
    first, slash, rest = name.partition("/")
    is_registry = "." in first or ":" in first or first == "localhost" or first.lower() != first
    path = rest if slash and is_registry else name
    if "/" not in path and not (slash and is_registry):
        path = _LIBRARY + path
    return len(path) > _LONGEST_PATH
