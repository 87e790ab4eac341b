"""A Pod as the checks see it, and how they name what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apiserver.machinery.quoting import quote

_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that is broken, and by what."""

    reason: str
    detail: str = ""


class Pod:
    """A Pod or the template of one; ``minor`` is the version that it is held to."""

    def __init__(self, metadata: dict[str, Any], spec: dict[str, Any], minor: int) -> None:
        self.annotations: dict[str, str] = metadata.get("annotations") or {}
        self.spec = spec
        self.minor = minor
        self.containers: list[dict[str, Any]] = [
            container for member in _CONTAINERS for container in spec.get(member) or ()
        ]

    @property
    def context(self) -> dict[str, Any]:
        """The security context of the Pod as a whole."""
        return self.spec.get("securityContext") or {}

    @property
    def is_exempt(self) -> bool:
        """Whether rules about Linux do not concern it."""
        return self.minor >= 25 and (self.spec.get("os") or {}).get("name") == "windows"


def context_of(container: dict[str, Any]) -> dict[str, Any]:
    """Return the security context of a container."""
    return container.get("securityContext") or {}


def listed(what: str, names: Sequence[str]) -> str:
    """Return ``container "a"`` or ``containers "a", "b"``."""
    return f"{plural(what, len(names))} {quoted(names)}"


def plural(what: str, count: int) -> str:
    """Return a noun in the number that fits."""
    return what if count == 1 else f"{what}s"


def quoted(texts: Iterable[str]) -> str:
    """Return texts in quotes, joined."""
    return ", ".join(map(quote, texts))


def setters(pod: bool, containers: Sequence[str]) -> str:  # noqa: FBT001 - whether the Pod is one
    """Return who sets something: ``pod and container "a"``."""
    named = [listed("container", containers)] if containers else []
    return " and ".join([*(["pod"] if pod else []), *named])
