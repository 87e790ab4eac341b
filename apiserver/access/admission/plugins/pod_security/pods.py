"""The Pod as checks see it, and the wording of violations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass

_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")


@valueclass
class Violation:
    """A violated rule, and the fields that violate it."""

    reason: str
    detail: str = ""


class Pod:
    """A Pod or Pod template; ``minor`` is the version of the standards."""

    def __init__(self, metadata: dict[str, Any], spec: dict[str, Any], minor: int) -> None:
        self.annotations: dict[str, str] = metadata.get("annotations") or {}
        self.spec = spec
        self.minor = minor
        self.containers: list[dict[str, Any]] = [
            container for member in _CONTAINERS for container in spec.get(member) or ()
        ]

    @property
    def context(self) -> dict[str, Any]:
        """The security context of the Pod."""
        return self.spec.get("securityContext") or {}

    @property
    def is_exempt(self) -> bool:
        """Whether the Pod is a Windows Pod, to which rules for Linux do not apply."""
        return self.minor >= 25 and (self.spec.get("os") or {}).get("name") == "windows"

    @property
    def is_confined(self) -> bool:
        """Whether the Pod has a user namespace: its users have no rights on the node."""
        return self.minor >= 35 and self.spec.get("hostUsers") is False


def context_of(container: dict[str, Any]) -> dict[str, Any]:
    """Return the security context of a container."""
    return container.get("securityContext") or {}


def listed(what: str, names: Sequence[str]) -> str:
    """Return ``container "a"`` or ``containers "a", "b"``."""
    return f"{plural(what, len(names))} {quoted(names)}"


def plural(what: str, count: int) -> str:
    """Return a noun in singular or plural."""
    return what if count == 1 else f"{what}s"


def quoted(texts: Iterable[str]) -> str:
    """Return texts in quotes, joined by commas."""
    return ", ".join(map(quote, texts))


def setters(pod: bool, containers: Sequence[str]) -> str:  # noqa: FBT001 - whether the Pod is one
    """Return the holders of a field: ``pod and container "a"``."""
    named = [listed("container", containers)] if containers else []
    return " and ".join([*(["pod"] if pod else []), *named])
