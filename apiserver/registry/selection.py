"""Selection of objects by labels and fields. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from apiserver.machinery.errors import BadRequest
from apiserver.machinery.fieldselectors import FieldSelector
from apiserver.machinery.objects import Object
from apiserver.machinery.options import ListOptions
from apiserver.registry.selected_values import Fields, Labels, ValueReader, fields_of
from apiserver.registry.stored import Stored
from apiserver.resources.kind import Kind
from apiserver.resources.strategy import Strategy
from storage.conditions import WatchCondition
from storage.interface import Record


class Selection:
    """The label selector and field selector of one request on one resource."""

    __slots__ = ("_fields", "_kind", "_labels")

    def __init__(self, options: ListOptions, kind: Kind) -> None:
        if options.field_selector:
            check_fields(options.field_selector, kind.strategy)
        self._labels = options.label_selector
        self._fields = options.field_selector
        self._kind = kind

    def __bool__(self) -> bool:
        return bool(self._labels) or bool(self._fields)

    @property
    def conditions(self) -> Hashable:
        """A key that is equal for selections on a resource with the same conditions."""
        return self._labels, self._fields

    @property
    def name(self) -> str | None:
        """The only name that can match, ``None`` if several can."""
        return self._fields.required("metadata.name")

    @property
    def namespace(self) -> str | None:
        """The only namespace that can match, ``None`` if several can."""
        return self._fields.required("metadata.namespace")

    @property
    def required(self) -> tuple[ValueReader, str] | None:
        """What reads a value that an object must have to match, and the value, if there is one."""
        for term in self._fields.terms:
            if term.equal:
                return ValueReader(Fields(self._kind.strategy), term.field), term.value
        label = self._labels.equality()
        return None if label is None else (ValueReader(Labels(), label[0]), label[1])

    @property
    def condition(self) -> WatchCondition[Stored] | None:
        """The condition on events that `required` makes."""
        required = self.required
        return None if required is None else WatchCondition(*required)

    def __contains__(self, stored: Stored) -> bool:
        if self._labels:
            labels = stored.labels
            if not self._labels.matches(stored.read_labels() if labels is None else labels):
                return False
        if not self._fields:
            return True
        fields = stored.fields
        if fields is None:
            fields = stored.read_fields(self._read)
        return self._fields.matches(fields.__getitem__)

    def of(self, records: Sequence[Record[Stored]]) -> list[Record[Stored]]:
        """Return the matching records, in their order."""
        only = self._labels.only_equality() if not self._fields else None
        if only is None:
            return [record for record in records if record.value in self]
        # Most selectors require one label: this filters thousands of objects in one pass.
        key, value = only
        return [
            record
            for record in records
            if (
                record.value.read_labels() if record.value.labels is None else record.value.labels
            ).get(key)
            == value
        ]

    def _read(self, document: Object) -> Mapping[str, str]:
        return fields_of(self._kind.strategy, document)


def check_fields(selector: FieldSelector, strategy: Strategy) -> None:
    """Raise BadRequest for a field that the resource does not support in selectors."""
    for term in selector.terms:
        if not strategy.selects_by(term.field):
            raise BadRequest(strategy.unknown_field(term.field))
