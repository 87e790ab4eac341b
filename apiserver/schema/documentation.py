"""The API documentation of the members of types: the descriptions in the OpenAPI definitions.

They are read on first use.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from apiserver.schema.publisheddefinitions import published_definitions
from apiserver.version import MINOR

_PREFIX: Final = "io.k8s."


def description_of(member: str) -> str:
    """Return the description of a member: ``api.core.v1.ServiceSpec.type``. Raises KeyError."""
    return _texts()[member]


@cache
def _texts() -> dict[str, str]:
    # Only the descriptions are kept: all definitions would take five times the memory.
    return {
        f"{type_.removeprefix(_PREFIX)}.{name}": member["description"]
        for type_, definition in published_definitions(MINOR)
        for name, member in definition.get("properties", {}).items()
        if "description" in member
    }
