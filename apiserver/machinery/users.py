"""UserInfo: an authenticated user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from types import MappingProxyType
from typing import Final

from apiserver.machinery.valueclasses import valueclass

AUTHENTICATED: Final = "system:authenticated"
UNAUTHENTICATED: Final = "system:unauthenticated"
MASTERS: Final = "system:masters"
#: What the names of the users of ServiceAccounts begin with, and the group of all of them.
ACCOUNT_PREFIX: Final = "system:serviceaccount:"
_ACCOUNTS: Final = "system:serviceaccounts"


@valueclass
class UserInfo:
    """A user; ``extra`` is for authorizers and audit."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)


ANONYMOUS: Final = UserInfo("system:anonymous", groups=(UNAUTHENTICATED,))
#: The server itself, for its own requests.
SYSTEM_USER: Final = UserInfo("system:apiserver", groups=(MASTERS, AUTHENTICATED))


def account_user(
    namespace: str,
    name: str,
    uid: str = "",
    extra: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> UserInfo:
    """Return the user of a ServiceAccount."""
    groups = _ACCOUNTS, f"{_ACCOUNTS}:{namespace}"
    return UserInfo(f"{ACCOUNT_PREFIX}{namespace}:{name}", uid, groups, extra)
