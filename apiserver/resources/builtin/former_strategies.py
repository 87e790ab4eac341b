"""The behaviour of kinds in an earlier version: that of today, without what came later.

Defaults set members that the earlier version does not know; they are removed again. Nor does it
warn of what was deprecated later.
"""

from __future__ import annotations

import re
from typing import Any, Final

from apiserver.machinery.objects import Object
from apiserver.resources.strategy import Strategy
from apiserver.schema.formermembers import FormerTypes

_DEPRECATED_SINCE: Final = re.compile(r"is deprecated in v1\.(\d+)\+")


class _Former(Strategy):
    types: FormerTypes

    def default(self, document: Object) -> None:
        super().default(document)
        kept, unknown = self.types.known(document)
        if unknown:
            document.clear()
            document.update(kept)


def former_strategy(strategy: type[Strategy], minor: str) -> type[Strategy]:
    """Return the behaviour in Kubernetes 1.``minor`` of a kind whose types are `FormerTypes`."""
    members: dict[str, Any] = {}
    since = _DEPRECATED_SINCE.search(strategy.deprecation)
    if since is not None and int(since[1]) > int(minor):
        members["deprecation"] = ""
    return type(strategy.__name__, (_Former, strategy), members)
