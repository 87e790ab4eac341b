"""What containers need, together and each."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.resources.builtin.parts.podresources import (
    default_pod_requirements,
    qos_class,
    together,
)
from apiserver.resources.builtin.parts.resources import is_divisible, rounded

CPU_AND_MEMORY = {"cpu": "1", "memory": "1Gi"}


def needing(**requests: str) -> dict[str, Any]:
    """Return a container that requests something."""
    return {"name": "c", "resources": {"requests": requests}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", "1"), ("1500m", "1500m"), ("1u", "1m"), ("1100u", "2m"), ("-1u", "-1m")],
)
def test_resources_come_in_thousandths(text: str, expected: str) -> None:
    assert rounded(text) == expected


def test_huge_pages_come_in_pages() -> None:
    assert is_divisible("hugepages-2Mi", "4Mi")
    assert not is_divisible("hugepages-2Mi", "3Mi")
    assert not is_divisible("hugepages-x", "3Mi")


def test_a_pod_needs_the_more_of_starting_and_running() -> None:
    sidecar = {**needing(cpu="100m"), "restartPolicy": "Always"}
    spec = {
        "containers": [needing(cpu="1", memory="1Gi"), needing(cpu="500m")],
        "initContainers": [needing(memory="3Gi"), sidecar, needing(cpu="1800m")],
    }
    assert together(spec, "requests") == {"cpu": "1900m", "memory": "3Gi"}


CLASSES: list[tuple[dict[str, Any], str]] = [
    ({"containers": [{"resources": {}}]}, "BestEffort"),
    ({"containers": [needing(cpu="0")]}, "BestEffort"),
    ({"containers": [needing(**{"example.com/x": "1"})]}, "BestEffort"),
    ({"containers": [needing(cpu="1")]}, "Burstable"),
    (
        {"containers": [{"resources": {"limits": CPU_AND_MEMORY, "requests": CPU_AND_MEMORY}}]},
        "Guaranteed",
    ),
    (
        {
            "containers": [
                {"resources": {"limits": CPU_AND_MEMORY, "requests": CPU_AND_MEMORY}},
                {"resources": {}},
            ]
        },
        "Burstable",
    ),
    (
        {
            "resources": {"limits": CPU_AND_MEMORY, "requests": CPU_AND_MEMORY},
            "containers": [needing(cpu="1m")],
        },
        "Guaranteed",
    ),
    ({"resources": {"requests": {"cpu": "1"}}, "containers": [{}]}, "Burstable"),
]


@pytest.mark.parametrize(("spec", "expected"), CLASSES)
def test_the_class_of_a_pod_is_how_exactly_it_says_what_it_needs(
    spec: dict[str, Any], expected: str
) -> None:
    assert qos_class(spec) == expected


def test_requirements_of_a_whole_pod_are_completed_from_its_containers() -> None:
    pages = {"resources": {"limits": {"hugepages-2Mi": "4Mi"}}}
    spec: dict[str, Any] = {
        "resources": {"limits": {"cpu": "2", "memory": "1Gi"}},
        "containers": [needing(cpu="500m"), pages],
    }
    default_pod_requirements(spec)
    assert spec["resources"] == {
        "limits": {"cpu": "2", "memory": "1Gi", "hugepages-2Mi": "4Mi"},
        "requests": {"cpu": "500m", "memory": "1Gi", "hugepages-2Mi": "4Mi"},
    }
    untouched: dict[str, Any] = {"containers": [needing(cpu="1")]}
    default_pod_requirements(untouched)
    assert "resources" not in untouched
