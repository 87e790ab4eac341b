"""Managers: the name and the operation of a writer. Each manager has one entry in managedFields.

An applier is the same manager in every version. An updater is a different one for each version,
since its fields were computed in the version that it used. So the manager of an applier has no
version here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from apiserver.fieldmanager.elements import json_text
from apiserver.machinery.quoting import quote
from apiserver.machinery.textcache import cache_by_text

APPLY: Final = "Apply"
UPDATE: Final = "Update"

#: The name of an unknown manager.
UNKNOWN: Final = "unknown"
_MAX_NAME: Final = 128
_CACHED: Final = 1024


class Manager(NamedTuple):
    """A writer: its name, operation, version and subresource."""

    name: str
    operation: str
    api_version: str
    subresource: str

    @classmethod
    def applier(cls, name: str, subresource: str = "") -> Manager:
        """Return the manager of the apply requests of ``name``."""
        return cls(name or UNKNOWN, APPLY, "", subresource)

    @classmethod
    def updater(cls, name: str, api_version: str, subresource: str = "") -> Manager:
        """Return the manager of the other writes of ``name``."""
        return cls(name or UNKNOWN, UPDATE, api_version, subresource)

    @property
    def sort_key(self) -> str:
        """The order of managers in messages, and of equally old managers when they are merged."""
        members = {
            "manager": self.name,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "subresource": self.subresource,
        }
        return ",".join(f'"{key}":{json_text(value)}' for key, value in members.items() if value)

    def __str__(self) -> str:
        described = quote(self.name)
        if self.subresource:
            described += f" with subresource {quote(self.subresource)}"
        if self.operation == UPDATE:
            described += f" using {self.api_version}"
        return described


@cache_by_text(_CACHED)
def manager_name(field_manager: str, user_agent: str) -> str:
    """Return the manager name of a request: its fieldManager, or the name of its client.

    The name of a client is its User-Agent up to the first slash, without characters that are not
    printable, truncated to 128 bytes.
    """
    if field_manager:
        return field_manager
    name, size = "", 0
    for character in user_agent.partition("/")[0]:
        if not character.isprintable():
            continue
        size += len(character.encode("utf-8", "replace"))
        if size > _MAX_NAME:
            break
        name += character
    return name
