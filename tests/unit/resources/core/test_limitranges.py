"""LimitRanges."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind

KIND = Kind("v1", "LimitRange")


def limits(*items: Object) -> Object:
    return {"metadata": {"name": "a"}, "spec": {"limits": list(items)}}


MISTAKES = [
    ([{"type": "Container"}, {"type": "Container"}],
     ['spec.limits[1].type: Duplicate value: "Container"']),
    ([{"type": "Odd"}],
     ['spec.limits[0].type: Invalid value: "Odd": '
      "must be a standard limit type or fully qualified"]),
    ([{"type": "Pod", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}}],
     ["spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
      "spec.limits[0].defaultRequest: Forbidden: may not be specified when `type` is 'Pod'"]),
    ([{"type": "PersistentVolumeClaim"}],
     ["spec.limits[0].limits: Required value: "
      "either minimum or maximum storage value is required, but neither was provided"]),
    ([{"type": "Pod", "max": {"pods": "1"}}],
     ['spec.limits[0].max[pods]: Invalid value: "pods": '
      "must be a standard resource for containers"]),
    ([{"type": "Pod", "min": {"cpu": "2"}, "max": {"cpu": "1"}}],
     ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1']),
    ([{"type": "Container", "min": {"cpu": "2"}, "default": {"cpu": "1"}}],
     ['spec.limits[0].defaultRequest[cpu]: Invalid value: "1": '
      "min value 2 is greater than default request value 1",
      'spec.limits[0].default[cpu]: Invalid value: "2": '
      "min value 2 is greater than default value 1"]),
    ([{"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "2"}}],
     ['spec.limits[0].defaultRequest[cpu]: Invalid value: "2": '
      "default request value 2 is greater than max value 1",
      'spec.limits[0].default[cpu]: Invalid value: "1": '
      "default value 2 is greater than max value 1"]),
    ([{"type": "Pod", "maxLimitRequestRatio": {"cpu": "500m"}}],
     ['spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": '
      "ratio 500m is less than 1"]),
    ([{"type": "Pod", "min": {"cpu": "1"}, "max": {"cpu": "2"},
       "maxLimitRequestRatio": {"cpu": "3"}}],
     ['spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": '
      "ratio 3 is greater than max/min = 2.000000"]),
    ([{"type": "Container", "default": {"example.com/gpu": "2"},
       "defaultRequest": {"example.com/gpu": "1"}}],
     ['spec.limits[0].defaultRequest[example.com/gpu]: Invalid value: "1": '
      "default value 2 must equal to defaultRequest value 1 in example.com/gpu"]),
]  # fmt: skip

DEFAULTS = [
    ({"max": {"cpu": "2"}}, {"default": {"cpu": "2"}, "defaultRequest": {"cpu": "2"}}),
    ({"min": {"cpu": "2"}}, {"defaultRequest": {"cpu": "2"}}),
    (
        {"min": {"cpu": "1"}, "max": {"cpu": "3"}, "default": {"cpu": "2"}},
        {"default": {"cpu": "2"}, "defaultRequest": {"cpu": "2"}},
    ),
]


@pytest.mark.parametrize(("items", "errors"), MISTAKES)
def test_mistakes_are_named(items: list[Object], errors: list[str]) -> None:
    assert KIND.create(limits(*items)).errors == errors


@pytest.mark.parametrize(("item", "added"), DEFAULTS)
def test_containers_get_what_is_left_out(item: Object, added: Object) -> None:
    made = KIND.create(limits({"type": "Container", **item}))
    assert made.spec["limits"] == [{"type": "Container", **item, **added}]


def test_pods_get_nothing() -> None:
    item = {"type": "Pod", "max": {"cpu": "2"}}
    assert KIND.create(limits(item)).spec["limits"] == [item]
