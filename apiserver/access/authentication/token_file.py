"""Static bearer tokens: a CSV file of ``token,user,uid[,"group,group"]``, read at start."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from apiserver.access.authentication.groups import with_authenticated_group
from apiserver.machinery.users import UserInfo

log = logging.getLogger(__name__)

_MIN_COLUMNS = 3


class TokenFileError(ValueError):
    """A token file cannot be used."""


class StaticTokens:
    """Authenticates the tokens of a token file."""

    def __init__(self, users: Mapping[str, UserInfo]) -> None:
        self._users = users

    async def authenticate(self, token: str) -> UserInfo | None:
        """Return the token's user, ``None`` if it is not in the file."""
        return self._users.get(token)

    def reload(self, path: Path) -> None:
        """Read the file again. Raises TokenFileError or OSError, keeping the old content."""
        self._users = _read(path)


def read_token_file(path: Path) -> StaticTokens:
    """Read a token file. Raises TokenFileError, or OSError."""
    return StaticTokens(_read(path))


def _read(path: Path) -> Mapping[str, UserInfo]:
    with path.open(newline="", encoding="utf-8") as file:
        try:
            return parse_token_rows(file)
        except (TokenFileError, csv.Error, UnicodeDecodeError) as error:
            raise TokenFileError(f"{path}: {error}") from error


def parse_token_rows(lines: Iterable[str]) -> dict[str, UserInfo]:
    """Return the user of each token; of rows with the same token the last one counts."""
    users: dict[str, UserInfo] = {}
    rows = csv.reader(lines, strict=True)
    for row in rows:
        if not row:
            continue
        if len(row) < _MIN_COLUMNS:
            raise TokenFileError(
                f"line {rows.line_num}: expected at least {_MIN_COLUMNS} columns, "
                f"token,user,uid, found {len(row)}"
            )
        token, name, uid, *rest = row
        if not token:
            log.warning("line %d of the token file has no token and is ignored", rows.line_num)
            continue
        groups = rest[0] if rest else ""
        user = UserInfo(name, uid=uid, groups=tuple(groups.split(",")) if groups else ())
        users[token] = with_authenticated_group(user)
    return users
