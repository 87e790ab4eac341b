"""The random bytes of UIDs and generated names. Keys and tokens never come from here."""

from __future__ import annotations

import os
from collections.abc import Callable

_source: Callable[[int], bytes] = os.urandom


def random_bytes(count: int) -> bytes:
    """Return ``count`` random bytes."""
    return _source(count)


def set_random_source(source: Callable[[int], bytes]) -> None:
    """Replace the source of this process, so that its values are predictable."""
    global _source
    _source = source
