"""Kind: one served version of a kind, with its types, behaviour and conversion.

The layers above use only the `Kind`; they never look up types, behaviour or conversion by name. A
kind is built from the catalogue of built-in resources (`apiserver.resources.builtin`) or from a
CustomResourceDefinition at run time, and may be removed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.conversion import Conversion
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.strategy import Strategy
from apiserver.schema.kindtypes import Types


# Without slots: the behaviour is kept among the attributes.
@dataclass(frozen=True)
class Kind:
    """The definition, types, behaviour and conversion of one served version of a kind.

    ``behaviour`` is called with the definition and the types when `strategy` is first used:
    reflectors do not need it, and it has many modules. ``conversion`` converts to the stored
    version; ``None`` if this version is stored. ``subresources`` has the types of subresources with
    another kind, by name, such as ``scale``.
    """

    definition: ResourceDefinition
    types: Types
    behaviour: Callable[[ResourceDefinition, Types], Strategy]
    conversion: Conversion | None = None
    subresources: Mapping[str, Types] = field(default_factory=dict)

    @cached_property
    def strategy(self) -> Strategy:
        """The behaviour of the kind."""
        return self.behaviour(self.definition, self.types)


@valueclass
class UnloadedKind:
    """A kind that is loaded when it is first needed; until then only its definition exists."""

    definition: ResourceDefinition
    load: Callable[[ResourceDefinition], Kind]


ServedKind: TypeAlias = Kind | UnloadedKind
