"""Pod."""

from __future__ import annotations

from apiserver.resources.builtin.core.pods.strategy import PodStrategy

STRATEGY = PodStrategy
