"""Tolerations as sets of taints: which one covers another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

Toleration: TypeAlias = dict[str, Any]


def merged(tolerations: Sequence[Toleration]) -> list[Toleration]:
    """Return the tolerations that no other one covers; of equal ones the first."""
    kept: list[Toleration] = []
    for index, each in enumerate(tolerations):
        later = (other for other in tolerations[index + 1 :] if other != each)
        if not any(covers(other, each) for other in kept) and not any(
            covers(other, each) for other in later
        ):
            kept.append(each)
    return kept


def covers(wide: Toleration, narrow: Toleration) -> bool:
    """Return whether a toleration tolerates everything that another one does."""
    if wide == narrow:
        return True
    operator, effect = wide.get("operator", ""), wide.get("effect", "")
    if wide.get("key", "") != narrow.get("key", "") and (wide.get("key") or operator != "Exists"):
        return False
    if effect and effect != narrow.get("effect", ""):
        return False
    longest, seconds = wide.get("tolerationSeconds"), narrow.get("tolerationSeconds")
    if effect == "NoExecute" and longest is not None and (seconds is None or seconds > longest):
        return False
    if operator in ("", "Equal"):
        same_value = bool(wide.get("value", "") == narrow.get("value", ""))
        return same_value and narrow.get("operator", "") == "Equal"
    return bool(operator == "Exists")
