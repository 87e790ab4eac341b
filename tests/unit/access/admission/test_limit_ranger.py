"""LimitRanger: defaults and bounds of what containers and claims ask for."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.admission.plugins.limit_ranger import LimitRanger
from apiserver.machinery.builtin_resources import (
    CLAIMS,
    LIMIT_RANGES,
    PODS,
)
from apiserver.machinery.objects import Object
from tests.unit.access.admission.admitting import Admission, named, pod

FORBIDDEN = 'pods "p" is forbidden: '


LIMITS = named(
    "l",
    spec={
        "limits": [
            {
                "type": "Container",
                "default": {"cpu": "500m", "memory": "512Mi"},
                "defaultRequest": {"cpu": "100m", "memory": "512Mi"},
                "max": {"cpu": "2"},
                "min": {"cpu": "50m"},
                "maxLimitRequestRatio": {"cpu": "10"},
            },
            {"type": "Pod", "max": {"memory": "1Gi"}},
            {"type": "PersistentVolumeClaim", "max": {"storage": "5Gi"}, "min": {"storage": "1Gi"}},
        ]
    },
)


def container(name: str, **resources: dict[str, str]) -> Object:
    return {"name": name, "image": "x", "resources": resources}


async def limited(resource: Any, document: Object) -> Any:
    result, _ = await Admission([LimitRanger()], (LIMIT_RANGES, LIMITS)).admit(resource, document)
    return result


async def test_containers_get_the_defaults_of_their_namespace() -> None:
    given = pod(
        initContainers=[container("i")], containers=[container("c", requests={"memory": "64Mi"})]
    )
    result = await limited(PODS, given)
    assert result["metadata"]["annotations"] == {
        "kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu request for container c; "
        "cpu, memory limit for container c; cpu, memory request for init container i; "
        "cpu, memory limit for init container i"
    }
    assert result["spec"]["containers"][0]["resources"] == {
        "requests": {"memory": "64Mi", "cpu": "100m"},
        "limits": {"cpu": "500m", "memory": "512Mi"},
    }


async def test_all_that_is_out_of_bounds_is_named() -> None:
    big = {"limits": {"cpu": "3", "memory": "2Gi"}, "requests": {"cpu": "10m", "memory": "2Gi"}}
    assert await limited(PODS, pod(containers=[container("c", **big)])) == (
        f"{FORBIDDEN}[minimum cpu usage per Container is 50m, but request is 10m, "
        "maximum cpu usage per Container is 2, but limit is 3, cpu max limit to request ratio per "
        "Container is 10, but provided ratio is 300.000000, maximum memory usage per Pod is 1Gi, "
        "but limit is 2Gi]"
    )


async def test_what_containers_have_together_counts() -> None:
    result = await limited(PODS, pod(containers=[container(name) for name in "abc"]))
    assert result == f"{FORBIDDEN}maximum memory usage per Pod is 1Gi, but limit is 1536Mi"


@pytest.mark.parametrize(
    ("requests", "why"),
    [
        ({"storage": "2Gi"}, None),
        ({"storage": "6Gi"}, "maximum storage usage per PersistentVolumeClaim is 5Gi, "
                             "but request is 6Gi"),
        ({"storage": "1Mi"}, "minimum storage usage per PersistentVolumeClaim is 1Gi, "
                             "but request is 1Mi"),
        ({}, "[minimum storage usage per PersistentVolumeClaim is 1Gi.  No request is specified, "
             "maximum storage usage per PersistentVolumeClaim is 5Gi.  No request is specified]"),
    ],
)  # fmt: skip
async def test_claims_keep_within_bounds(requests: dict[str, str], why: str | None) -> None:
    claim = named("c", spec={"resources": {"requests": requests}})
    expected = claim if why is None else f'persistentvolumeclaims "c" is forbidden: {why}'
    assert await limited(CLAIMS, claim) == expected
