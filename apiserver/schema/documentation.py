"""The API documentation of the members of types: the descriptions in the OpenAPI definitions.

The package ``kubernetes-validate`` contains them; they are read on first use.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import orjson

_DEFINITIONS: Final = "kubernetes-json-schema/v1.36.0-local/_definitions.json"
_PREFIX: Final = "io.k8s."


def description_of(member: str) -> str:
    """Return the description of a member: ``api.core.v1.ServiceSpec.type``. Raises KeyError."""
    return _texts()[member]


@cache
def _texts() -> dict[str, str]:
    # Only the descriptions are kept: all definitions would take five times the memory.
    data = files("kubernetes_validate").joinpath(_DEFINITIONS).read_bytes()
    return {
        f"{type_.removeprefix(_PREFIX)}.{name}": member["description"]
        for type_, definition in orjson.loads(data)["$defs"].items()
        for name, member in definition.get("properties", {}).items()
        if "description" in member
    }
