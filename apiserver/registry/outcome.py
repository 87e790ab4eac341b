"""The closed union of the outcomes of a decision."""

from __future__ import annotations

from typing import TypeAlias

from apiserver.machinery.errors import StatusError
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass


@valueclass
class Save:
    """Store this object, whether it exists already or not."""

    document: Object


@valueclass
class Remove:
    """Remove the object; ``document`` is the state for the response, if not the stored one."""

    document: Object | None = None


@valueclass
class SaveThenRemove:
    """Store the object once more, then remove it, so that watches show its final state."""

    document: Object


@valueclass
class Unchanged:
    """Leave the object as it is."""


@valueclass
class Refused:
    """Reject the request with an error."""

    error: StatusError


Outcome: TypeAlias = Save | Remove | SaveThenRemove | Unchanged | Refused
