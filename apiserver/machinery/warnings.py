"""Warnings in responses, limited in size as in KEP-1693.

Warnings are sent as headers. If they exceed `MAX_CHARACTERS` in total, each is truncated to `CUT`
characters; once the truncated ones reach the limit, the rest are dropped. Warnings beyond that need
not be produced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# Control characters, and surrogates.
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
#: The maximum total length of the warnings of a response.
MAX_CHARACTERS: Final = 4096
#: The length to which each warning is truncated above that.
CUT: Final = 256


def sendable(warnings: Iterable[str]) -> list[str]:
    """Return the distinct warnings to send, without those that cannot be in a header."""
    texts = [text for text in dict.fromkeys(warnings) if not _UNFIT.search(text)]
    return (
        texts if sum(map(len, texts)) <= MAX_CHARACTERS else limited(text[:CUT] for text in texts)
    )


def limited(warnings: Iterable[str]) -> list[str]:
    """Return the first warnings, up to the number that a client can receive.

    Warnings about pairs of items can be quadratic in the size of an object. The iterable is not
    consumed beyond the limit.
    """
    taken: list[str] = []
    room = MAX_CHARACTERS
    for text in warnings:
        taken.append(text)
        if not _UNFIT.search(text):
            room -= min(len(text), CUT)
        if room <= 0:
            break
    return taken
