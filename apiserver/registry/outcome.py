"""The closed union of the outcomes of a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from apiserver.machinery.errors import StatusError
from apiserver.machinery.objects import Object


@dataclass(frozen=True, slots=True)
class Save:
    """Store this object, whether it exists already or not."""

    document: Object


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove the object; ``document`` is the state for the response, if not the stored one."""

    document: Object | None = None


@dataclass(frozen=True, slots=True)
class SaveThenRemove:
    """Store the object once more, then remove it, so that watches show its final state."""

    document: Object


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Leave the object as it is."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Reject the request with an error."""

    error: StatusError


Outcome: TypeAlias = Save | Remove | SaveThenRemove | Unchanged | Refused
