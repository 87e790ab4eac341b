"""DeviceClass."""

from __future__ import annotations

from apiserver.resources.printing import NAME_AND_AGE
from apiserver.resources.strategy import Strategy


class DeviceClassStrategy(Strategy):
    """A DeviceClass selects devices that claims can ask for by its name."""

    checks_generate_name = False
    returns_deleted_object = True
    generation_of = ("spec",)
    printer = NAME_AND_AGE


STRATEGY = DeviceClassStrategy
