"""Managers: who wrote, and how. Two entries of managedFields with the same manager are one.

Appliers stay the same when they change versions; updaters do not, since what they own was never
said by them, only seen in the version that they used. So an applier has no version here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from apiserver.fieldmanager.elements import json_text
from apiserver.machinery.quoting import quote

APPLY: Final = "Apply"
UPDATE: Final = "Update"

#: The name of a manager of which nothing is known.
UNKNOWN: Final = "unknown"
_MAX_NAME: Final = 128


class Manager(NamedTuple):
    """Who wrote (``name``), by which operation, in which version and through which subresource."""

    name: str
    operation: str
    api_version: str
    subresource: str

    @classmethod
    def applier(cls, name: str, subresource: str = "") -> Manager:
        """Return the manager that apply requests of ``name`` are."""
        return cls(name or UNKNOWN, APPLY, "", subresource)

    @classmethod
    def updater(cls, name: str, api_version: str, subresource: str = "") -> Manager:
        """Return the manager that other writes of ``name`` are."""
        return cls(name or UNKNOWN, UPDATE, api_version, subresource)

    @property
    def sort_key(self) -> str:
        """The order in which managers are named, and in which equally old ones are merged."""
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


def manager_name(field_manager: str, user_agent: str) -> str:
    """Return the name that a request gives its manager: what it asks for, or its client's.

    A client is called what its User-Agent says before the first slash, as far as it can be printed
    and in no more than 128 bytes.
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
