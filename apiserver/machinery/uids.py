"""UIDs of objects: random UUIDs (RFC 9562, version 4)."""

from __future__ import annotations

from typing import Final

from apiserver.machinery.randomness import random_bytes

_RANDOM: Final = 0xFFFFFFFF_FFFF_0FFF_3FFF_FFFFFFFFFFFF
_VERSION_4: Final = 0x00000000_0000_4000_8000_000000000000


def new_uid() -> str:
    """Return a new UID; several times as fast as ``str(uuid.uuid4())``."""
    number = int.from_bytes(random_bytes(16)) & _RANDOM | _VERSION_4
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
