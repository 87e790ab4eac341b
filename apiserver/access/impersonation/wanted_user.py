"""The user that the impersonation headers of a request ask for.

``Impersonate-User``, ``Impersonate-Uid``, ``Impersonate-Group`` (repeated) and
``Impersonate-Extra-KEY`` (repeated; the key is percent-encoded, and case does not count).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from apiserver.machinery.errors import BadRequest
from apiserver.machinery.quoting import quote
from apiserver.machinery.users import UserInfo

PREFIX: Final = "impersonate-"
_EXTRA: Final = "impersonate-extra-"
_BROKEN_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")


def wanted_user(headers: Iterable[tuple[str, str]]) -> UserInfo | None:
    """Return the wanted user, ``None`` if there is none. Raises BadRequest for one without a name.

    Of several names or uids the first one counts.
    """
    name, uid = "", ""
    groups: list[str] = []
    extra: dict[str, list[str]] = {}
    seen: set[str] = set()
    for header, sent in headers:
        # Bytes that are no UTF-8 could not be shown in an answer.
        value = sent.encode(errors="surrogateescape").decode(errors="replace")
        field = header.lower()
        if field == "impersonate-group":
            groups.append(value)
        elif field.startswith(_EXTRA):
            extra.setdefault(_key(field.removeprefix(_EXTRA)), []).append(value)
        elif field in seen:
            continue
        elif field == "impersonate-user":
            name = value
        elif field == "impersonate-uid":
            uid = value
        seen.add(field)
    if name:
        return UserInfo(name, uid=uid, groups=tuple(groups), extra=extra)
    if not (uid or groups or extra):
        return None
    raise BadRequest(
        f'requested &user.DefaultInfo{{Name:"", UID:{quote(uid)}, Groups:{_strings(groups)}, '
        f"Extra:{_mapping(extra)}}} without impersonating a user name"
    )


def _key(text: str) -> str:
    """Return the key of an extra header. As in Go, a broken escape leaves the whole key encoded."""
    return text if _BROKEN_ESCAPE.search(text) else unquote(text)


def _strings(values: Sequence[str]) -> str:
    if not values:
        return "[]string(nil)"
    return f"[]string{{{', '.join(map(quote, values))}}}"


def _mapping(values: Mapping[str, Sequence[str]]) -> str:
    if not values:
        return "map[string][]string(nil)"
    members = (f"{quote(key)}:{_strings(values[key])}" for key in sorted(values))
    return f"map[string][]string{{{', '.join(members)}}}"
