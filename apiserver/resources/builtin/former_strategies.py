"""The behaviour of kinds in an earlier version: that of today, without the members of today.

Defaults set members that the earlier version does not know; they are removed again.
"""

from __future__ import annotations

from apiserver.machinery.objects import Object
from apiserver.resources.strategy import Strategy
from apiserver.schema.formermembers import FormerTypes


class _Former(Strategy):
    types: FormerTypes

    def default(self, document: Object) -> None:
        super().default(document)
        kept, unknown = self.types.known(document)
        if unknown:
            document.clear()
            document.update(kept)


def former_strategy(strategy: type[Strategy]) -> type[Strategy]:
    """Return the behaviour of a kind whose types are `FormerTypes`."""
    return type(strategy.__name__, (_Former, strategy), {})
