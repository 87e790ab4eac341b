"""Typing errors, in the words of the reference."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.fieldmanager.atoms import Atoms
from apiserver.fieldmanager.errors import UntypedObject
from apiserver.fieldmanager.validating import check
from apiserver.schema.openapi import builtin_schema

CRON_JOB = builtin_schema("batch/v1", "CronJob")
assert CRON_JOB is not None
ATOM = Atoms().document(CRON_JOB)


def pod(container: Any) -> dict[str, Any]:
    return {"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": container}}}}}}


CONTAINERS = ".spec.jobTemplate.spec.template.spec.containers"


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"spec": {"schedule": 5}}, "expected string, got &value.valueUnstructured{Value:5}"),
        (
            {"spec": {"schedule": 5000000}},
            "expected string, got &value.valueUnstructured{Value:5e+06}",
        ),
        (
            {"spec": {"schedule": {"a": [1.5, None, "x"]}}},
            "expected string, got &value.valueUnstructured{Value:map[string]interface {}"
            '{"a":[]interface {}{1.5, interface {}(nil), "x"}}}',
        ),
        ({"spec": {"suspend": "true"}}, "expected boolean, got &{true}"),
        ({"spec": {"suspend": 123456.5}}, "expected boolean, got &{123456.5}"),
        ({"spec": {"suspend": 0.00001}}, "expected boolean, got &{1e-05}"),
        ({"spec": {"suspend": [True, {"b": 1, "a": None}]}}, "got &{[true map[a:<nil> b:1]]}"),
        (
            {"spec": {"successfulJobsHistoryLimit": "five"}},
            "expected numeric (int or float), got string",
        ),
        ({"spec": {"successfulJobsHistoryLimit": []}}, "got []interface {}"),
        ({"spec": {"successfulJobsHistoryLimit": {}}}, "got map[string]interface {}"),
        ({"spec": {"successfulJobsHistoryLimit": False}}, "got bool"),
        ({"spec": {"suspended": True}}, ".spec.suspended: field not declared in schema"),
        ({"spec": []}, ".spec: expected map, got &{[]}"),
        (pod({"name": "one"}), f"{CONTAINERS}: expected list, got &{{map[name:one]}}"),
        (pod([{"name": "a", "imege": ""}]), f'{CONTAINERS}[name="a"].imege: field not declared'),
        (
            pod([{"name": "a"}, {"name": "a"}]),
            f'{CONTAINERS}: duplicate entries for key [name="a"]',
        ),
        (pod([None]), "element 0: associative list with keys may not have a null element"),
        (pod(["a"]), "element 0: associative list with keys may not have non-map elements"),
        (
            {"metadata": {"finalizers": [{}]}},
            "element 0: associative list without keys has an element that's a map type",
        ),
        (
            {"metadata": {"finalizers": [[]]}},
            "element 0: not supported: associative list with lists as elements",
        ),
        (
            {"metadata": {"finalizers": ["a", None]}},
            "element 1: associative list without keys has an element that's an explicit null",
        ),
        (
            pod([{"name": "a", "resources": {"limits": {"cpu": {}}}}]),
            f'{CONTAINERS}[name="a"].resources.limits.cpu: expected any scalar, got &{{map[]}}',
        ),
        (pod([{"name": "a", "args": [1]}]), f'{CONTAINERS}[name="a"].args[0]: expected string'),
    ],
)
def test_a_document_of_the_wrong_type_is_told_where(document: Any, complaint: str) -> None:
    with pytest.raises(UntypedObject) as error:
        check(document, ATOM)
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"spec": None, "status": None, "metadata": None},
        {"spec": {"suspend": None, "schedule": None}},
        pod(None),
        pod([{"image": "a container without a name has the empty one"}]),
        pod([{"name": "a", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}]),
        pod([{"name": "a", "livenessProbe": {"httpGet": {"port": "http"}}}]),
        pod(
            [
                {
                    "name": "a",
                    "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}],
                }
            ]
        ),
    ],
)
def test_a_document_of_the_right_type_is_accepted(document: Any) -> None:
    check(document, ATOM)
