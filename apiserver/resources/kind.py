"""Kind: one served version of a kind, with all that anything above needs to know of it.

Nothing above looks for types, behaviour or conversion by a name: they are carried by the kind. It
is built from the catalogue of the built-in resources (`apiserver.resources.builtin`), or at run
time, and may vanish again.
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
    """What a resource is, what its documents are, what its objects do, and how they are stored.

    ``conversion`` is the way to the version that is stored, ``None`` where it is this one.
    ``subresources`` has the types of those that read and write another kind, by name: ``scale``.
    """

    definition: ResourceDefinition
    types: Types
    strategy: Strategy
    conversion: Conversion | None = None
    subresources: Mapping[str, Types] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnloadedKind:
    """A kind of which only the definition is needed until the first request for it comes."""

    definition: ResourceDefinition
    load: Callable[[ResourceDefinition], Kind]


ServedKind: TypeAlias = Kind | UnloadedKind
