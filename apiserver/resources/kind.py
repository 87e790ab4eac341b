"""Kind: one served version of a kind, with its types, behaviour and conversion.

The layers above use only the `Kind`; they never look up types, behaviour or conversion by name. A
kind is built from the catalogue of built-in resources (`apiserver.resources.builtin`) or from a
CustomResourceDefinition at run time, and may be removed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from apiserver.resources.conversion import Conversion
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.strategy import Strategy
from apiserver.schema.kindtypes import Types


@dataclass(frozen=True, slots=True)
class Kind:
    """The definition, types, behaviour and conversion of one served version of a kind.

    ``conversion`` converts to the stored version; ``None`` if this version is stored.
    ``subresources`` has the types of subresources with another kind, by name, such as ``scale``.
    """

    definition: ResourceDefinition
    types: Types
    strategy: Strategy
    conversion: Conversion | None = None
    subresources: Mapping[str, Types] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnloadedKind:
    """A kind that is loaded on the first request for it; until then only its definition exists."""

    definition: ResourceDefinition
    load: Callable[[ResourceDefinition], Kind]


ServedKind: TypeAlias = Kind | UnloadedKind
