"""The group system:authenticated."""

from __future__ import annotations

from dataclasses import replace

from apiserver.machinery.users import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, UserInfo


def with_authenticated_group(user: UserInfo) -> UserInfo:
    """Return ``user`` with the group system:authenticated, unless it is anonymous."""
    known = AUTHENTICATED in user.groups or UNAUTHENTICATED in user.groups
    if known or user.name == ANONYMOUS.name:
        return user
    return replace(user, groups=(*user.groups, AUTHENTICATED))
