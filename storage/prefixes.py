"""The prefixes of a key that end with a slash, as watches and lists use them."""

from __future__ import annotations

from typing import Final

#: The maximum number of directories whose prefixes are remembered.
MAX_CACHED: Final = 4096

_remembered: dict[str, tuple[str, ...]] = {}


def prefixes_of(key: str) -> tuple[str, ...]:
    """Return the prefixes of ``key`` up to each of its slashes, shortest first."""
    directory = key[: key.rfind("/") + 1]
    known = _remembered.get(directory)
    if known is None:
        if len(_remembered) >= MAX_CACHED:
            _remembered.clear()
        ends = [at + 1 for at, character in enumerate(directory) if character == "/"]
        known = _remembered[directory] = tuple(directory[:end] for end in ends)
    return known
