"""The OpenAPI definitions of Kubernetes' types, as published: data of ``kubernetes-validate``.

The package has one file for each minor version, of a megabyte and more. Decoded at once it takes
ten times as much memory, in small pieces that hardly ever come back to the system; so the
definitions are decoded one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from json import JSONDecoder
from pathlib import Path
from typing import Any, Final

_PACKAGE: Final = "kubernetes_validate"
_MEMBER: Final = '"$defs"'
_SEPARATOR: Final = re.compile(r"[\s:,]*")


def definitions_file(minor: str) -> Path:
    """Return the file of Kubernetes 1.``minor``. Raises RuntimeError without the package."""
    package = find_spec(_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise RuntimeError(f"the package {_PACKAGE} is not installed")
    folder = Path(package.submodule_search_locations[0], "kubernetes-json-schema")
    return folder / f"v1.{minor}.0-local" / "_definitions.json"


def published_definitions(minor: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the definitions of Kubernetes 1.``minor`` with their names."""
    text = definitions_file(minor).read_text(encoding="utf-8")
    decode = JSONDecoder().raw_decode
    position = _after_separator(text, text.index("{", text.index(_MEMBER)) + 1)
    while text[position] != "}":
        name, position = decode(text, position)
        definition, position = decode(text, _after_separator(text, position))
        yield name, definition
        position = _after_separator(text, position)


def _after_separator(text: str, position: int) -> int:
    found = _SEPARATOR.match(text, position)
    assert found is not None
    return found.end()
