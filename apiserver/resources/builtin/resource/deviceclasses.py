"""DeviceClass."""

from __future__ import annotations

from apiserver.resources.printing import NAME_AND_AGE
from apiserver.resources.strategy import Strategy


class DeviceClassStrategy(Strategy):
    """A DeviceClass selects devices that claims can ask for by its name."""

    returns_deleted_object = True
    revalidates_metadata = 0
    generation_of = ("spec",)
    printer = NAME_AND_AGE


STRATEGY = DeviceClassStrategy
