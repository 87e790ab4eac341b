"""Strategies of an emulated version: those of v1.36, without the members that are newer.

Defaults and preparation set members that the earlier version does not know; these are removed.
Rules about such members do not apply, and there are no warnings about members that were
deprecated later.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.objects import Object
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.strategy import Strategy, Update
from apiserver.schema.emulatedtypes import EmulatedTypes

_DEPRECATED_SINCE: Final = re.compile(r"is deprecated in v1\.(\d+)\+")


class _EmulatedStrategy(Strategy):
    types: EmulatedTypes

    def __init__(self, definition: ResourceDefinition, types: EmulatedTypes) -> None:
        super().__init__(definition, types)
        self.updates = {path: self._restricted(update) for path, update in self.updates.items()}

    def default(self, document: Object) -> None:
        super().default(document)
        kept, unknown = self.types.known(document)
        if unknown:
            document.clear()
            document.update(kept)

    def prepare_for_create(self, document: Object) -> Object:
        return self._known(super().prepare_for_create(document))

    def validate(self, document: Object) -> list[FieldError]:
        return self._about_known(super().validate(document))

    def _restricted(self, update: Update) -> Update:
        return replace(
            update,
            prepare=lambda document, old: self._known(update.prepare(document, old)),
            validate=lambda document, old: self._about_known(update.validate(document, old)),
        )

    def _known(self, document: Object) -> Object:
        kept, unknown = self.types.known(document)
        return kept if unknown else document

    def _about_known(self, errors: list[FieldError]) -> list[FieldError]:
        return [error for error in errors if not self.types.lacks(error.field)]


def emulated_strategy(strategy: type[Strategy], minor: str) -> type[Strategy]:
    """Return the behaviour in Kubernetes 1.``minor`` of a kind whose types are `EmulatedTypes`."""
    members: dict[str, Any] = {}
    since = _DEPRECATED_SINCE.search(strategy.deprecation)
    if since is not None and int(since[1]) > int(minor):
        members["deprecation"] = ""
    return type(strategy.__name__, (_EmulatedStrategy, strategy), members)
