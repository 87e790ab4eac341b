"""UserInfo: an authenticated user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

AUTHENTICATED: Final = "system:authenticated"
UNAUTHENTICATED: Final = "system:unauthenticated"
MASTERS: Final = "system:masters"


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A user; ``extra`` is for authorizers and audit."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)


ANONYMOUS: Final = UserInfo("system:anonymous", groups=(UNAUTHENTICATED,))
#: The server itself, for its own requests.
SYSTEM_USER: Final = UserInfo("system:apiserver", groups=(MASTERS, AUTHENTICATED))
