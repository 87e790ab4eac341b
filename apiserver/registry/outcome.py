"""What a request makes of an object: the closed union of the outcomes of a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from apiserver.machinery.errors import StatusError
from apiserver.machinery.objects import Object


@dataclass(frozen=True, slots=True)
class Save:
    """The object is to be this, whether it is there already or not."""

    document: Object


@dataclass(frozen=True, slots=True)
class Remove:
    """The object goes; ``document`` is the state to answer with, where it is not the stored one."""

    document: Object | None = None


@dataclass(frozen=True, slots=True)
class SaveThenRemove:
    """The object goes after it has been stored once more, so that watches show how it ended."""

    document: Object


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The object stays as it is."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The request is answered with an error."""

    error: StatusError


Outcome: TypeAlias = Save | Remove | SaveThenRemove | Unchanged | Refused
