"""Warnings: what a client is told besides the answer, and how much of it.

They are sent as headers, which must stay small (KEP-1693): once the texts have more than `MOST`
characters together each is cut to `CUT`, and once those that are cut have that many the rest are
left out. So nothing is lost by making no more of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: The characters that all warnings of an answer may have.
MOST: Final = 4096
#: The characters that are left of each where there are more.
CUT: Final = 256


def shown(warnings: Iterable[str]) -> list[str]:
    """Return the warnings that a client is sent, each once; those that no header can hold go."""
    texts = [text for text in dict.fromkeys(warnings) if text.isprintable()]
    return texts if sum(map(len, texts)) <= MOST else enough(text[:CUT] for text in texts)


def enough(warnings: Iterable[str]) -> list[str]:
    """Return the first of distinct warnings; of the others a client would see nothing.

    What comes of two things that get in each other's way is made for pairs, of which a document
    has many more than it has things: this stops asking for them.
    """
    taken: list[str] = []
    room = MOST
    for text in warnings:
        taken.append(text)
        if text.isprintable():
            room -= min(len(text), CUT)
        if room <= 0:
            break
    return taken
