"""``--emulated-version``: the minor version of Kubernetes that a server shows to its clients.

Its values are ``1.33`` and ``kube=1.33``. The messages are kube-apiserver's, whose range is
shorter: it can emulate the three minor versions before its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from apiserver.machinery.quoting import quote
from apiserver.version import FIRST_EMULATED, MINOR

_COMPONENT: Final = "kube"
_NUMBERS: Final = re.compile(r"\s*v?([0-9]+(?:\.[0-9]+)*).*", re.DOTALL)


def emulated_minor(given: Iterable[str]) -> str:
    """Return the minor version that the values of the flag name; the server's own without any.

    Raises ValueError.
    """
    chosen = ""
    for text in given:
        component, separator, version = text.partition("=")
        component = component.strip() if separator else _COMPONENT
        numbers = _numbers(version.strip() if separator else text)
        shown = ".".join(map(str, numbers))
        if any(numbers[2:3]):
            raise ValueError(f"patch version not allowed, got: {component}={shown}")
        if component != _COMPONENT:
            raise ValueError(f"component not registered: {component}")
        if chosen:
            raise ValueError(
                f"duplicate version flag, {_COMPONENT}={chosen} and {_COMPONENT}={shown}"
            )
        chosen = shown
        if numbers[0] != 1 or not int(FIRST_EMULATED) <= numbers[1] <= int(MINOR):
            raise ValueError(
                f"emulation version {numbers[0]}.{numbers[1]} is not between "
                f"[1.{FIRST_EMULATED}, 1.{MINOR}.0]"
            )
    return chosen.split(".")[1] if chosen else MINOR


def _numbers(text: str) -> list[int]:
    found = _NUMBERS.fullmatch(text)
    if found is None:
        raise ValueError(f"could not parse {quote(text)} as version")
    components = found[1].split(".")
    if len(components) < 2:
        raise ValueError(f"illegal version string {quote(text)}")
    for each in components:
        if each != "0" and each.startswith("0"):
            raise ValueError(
                f"illegal zero-prefixed version component {quote(each)} in {quote(text)}"
            )
    return [int(each) for each in components]
