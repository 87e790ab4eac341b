"""Errors of the field manager.

The caller chooses the HTTP code. Kubernetes answers `MalformedApply` with 400 and `Conflicts` with
409. It answers `UntypedObject` and `MalformedManagedFields` with 500, although they are errors of
the client.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from apiserver.fieldmanager import fieldset
from apiserver.fieldmanager.fieldset import FieldSet
from apiserver.fieldmanager.managers import Manager
from apiserver.machinery.valueclasses import valueclass


class FieldManagerError(Exception):
    """The ownership of an object cannot be determined as requested."""


class MalformedApply(FieldManagerError):
    """An applied document is not a document that can be applied."""


class MalformedManagedFields(FieldManagerError):
    """``metadata.managedFields`` is invalid."""


@valueclass
class TypeMismatch:
    """One place where a document does not match its type; ``path`` is empty for the root."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


class UntypedObject(FieldManagerError):
    """A document does not match the type of its kind."""

    def __init__(self, mismatches: Sequence[TypeMismatch], prefix: str = "") -> None:
        if len(mismatches) == 1:
            text = str(mismatches[0])
        else:
            text = "\n".join(["errors:", *(f"  {mismatch}" for mismatch in mismatches)])
        super().__init__(prefix + text)
        self.mismatches = tuple(mismatches)

    def of(self, described: str) -> UntypedObject:
        """Return the error with a description of the document that it is about."""
        return UntypedObject(self.mismatches, f"failed to create typed {described}: ")


class AtomicChange(FieldManagerError):
    """A configuration changes lists or objects that can only be replaced as a whole."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(
            "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: "
            + ", ".join(paths)
        )


class Conflicts(FieldManagerError):
    """An apply request would change fields that other managers own.

    ``owners``: the other managers, and the fields in conflict that each of them owns.
    """

    def __init__(self, owners: Mapping[Manager, FieldSet]) -> None:
        self.owners = dict(sorted(owners.items(), key=lambda item: item[0].sort_key))
        super().__init__(self._message())

    def causes(self) -> list[dict[str, str]]:
        """Return the StatusCauses."""
        return [
            {"reason": "FieldManagerConflict", "message": f"conflict with {owner}", "field": path}
            for owner, path in self._each()
        ]

    def _each(self) -> Iterable[tuple[Manager, str]]:
        for owner, fields in self.owners.items():
            for path in fieldset.paths(fields):
                yield owner, fieldset.path_text(path)

    def _message(self) -> str:
        every = list(self._each())
        if len(every) == 1:
            owner, path = every[0]
            return f"Apply failed with 1 conflict: conflict with {owner}: {path}"
        lines = []
        for owner, fields in self.owners.items():
            lines.append(f"conflicts with {owner}:")
            lines.extend(f"- {fieldset.path_text(path)}" for path in fieldset.paths(fields))
        return f"Apply failed with {len(every)} conflicts: " + "\n".join(lines)
