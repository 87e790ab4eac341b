"""Which objects a request selects. Pure."""

from __future__ import annotations

from apiserver.machinery.errors import BadRequest
from apiserver.machinery.fieldselectors import FieldSelector
from apiserver.machinery.options import ListOptions
from apiserver.registry.codec import Stored
from apiserver.resources.strategy import Strategy


class Selection:
    """The label and field conditions of one request on one resource."""

    __slots__ = ("_fields", "_labels", "_strategy")

    def __init__(self, options: ListOptions, strategy: Strategy) -> None:
        check_fields(options.field_selector, strategy)
        self._labels = options.label_selector
        self._fields = options.field_selector
        self._strategy = strategy

    def __bool__(self) -> bool:
        return bool(self._labels) or bool(self._fields)

    def __contains__(self, stored: Stored) -> bool:
        if self._labels and not self._labels.matches(stored.metadata.get("labels") or {}):
            return False
        if not self._fields:
            return True
        document = stored.object
        return self._fields.matches(lambda name: self._strategy.field(document, name))


def check_fields(selector: FieldSelector, strategy: Strategy) -> None:
    """Raise BadRequest for a field that the resource does not select by."""
    for term in selector.terms:
        if not strategy.selects_by(term.field):
            raise BadRequest(strategy.unknown_field(term.field))
