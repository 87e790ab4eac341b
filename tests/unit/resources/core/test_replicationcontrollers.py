"""ReplicationControllers."""

from __future__ import annotations

import pytest

from apiserver.resources.strategy import ORPHAN
from tests.unit.resources.writing import Kind, merged

KIND = Kind("v1", "ReplicationController")
CONTROLLER = {
    "metadata": {"name": "a"},
    "spec": {
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {"containers": [{"name": "c", "image": "nginx"}]},
        },
    },
}
NEGATIVE = "must be greater than or equal to 0"

MISTAKES = [
    ({"replicas": -1}, [f"spec.replicas: Invalid value: -1: {NEGATIVE}"]),
    (
        {"minReadySeconds": -1, "replicas": -1},
        [
            f"spec.minReadySeconds: Invalid value: -1: {NEGATIVE}",
            f"spec.replicas: Invalid value: -1: {NEGATIVE}",
        ],
    ),
    ({"template": None}, ["spec.selector: Required value", "spec.template: Required value"]),
    ({"template": None, "selector": {"a": "b"}}, ["spec.template: Required value"]),
    ({"template": {"metadata": None}}, ["spec.selector: Required value"]),
    (
        {"selector": {"app": "b"}},
        [
            'spec.template.metadata.labels: Invalid value: {"app":"a"}: '
            "`selector` does not match template `labels`"
        ],
    ),
    (
        {"template": {"spec": {"restartPolicy": "Never"}}},
        [
            'spec.template.spec.restartPolicy: Unsupported value: "Never": '
            'supported values: "Always"'
        ],
    ),
    (
        {"template": {"spec": {"activeDeadlineSeconds": 1}}},
        [
            "spec.template.spec.activeDeadlineSeconds: Forbidden: "
            "activeDeadlineSeconds in ReplicationController is not Supported"
        ],
    ),
    (
        {"template": {"spec": {"containers": None}}},
        ["spec.template.spec.containers: Required value"],
    ),
    (
        {"template": {"spec": {"containers": [{"name": "c"}]}}},
        ["spec.template.spec.containers[0].image: Required value"],
    ),
]


def test_labels_and_selector_are_those_of_the_template() -> None:
    written = KIND.create(CONTROLLER)

    assert written.errors == []
    assert written.object["metadata"]["labels"] == {"app": "a"}
    assert written.spec["selector"] == {"app": "a"}
    assert written.spec["replicas"] == 1
    assert written.object["status"] == {"replicas": 0}


def test_labels_and_selector_that_are_given_stay() -> None:
    document = merged(CONTROLLER, metadata={"labels": {"l": "m"}}, spec={"selector": {"app": "a"}})
    assert KIND.create(document).object["metadata"]["labels"] == {"l": "m"}


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_all_told_at_once(changes: dict, errors: list[str]) -> None:
    assert KIND.create(merged(CONTROLLER, spec=changes)).errors == errors


def test_the_selector_may_change_with_the_template() -> None:
    old = KIND.create(CONTROLLER)
    changes = {"selector": {"b": "c"}, "template": {"metadata": {"labels": {"b": "c"}}}}
    written = KIND.update(old, merged(CONTROLLER, spec=changes))
    assert (written.errors, written.generation) == ([], 2)


def test_pods_are_orphaned_unless_the_client_says_otherwise() -> None:
    assert KIND.strategy.default_garbage_collection_policy == ORPHAN


def test_the_number_of_replicas_can_be_selected_by() -> None:
    assert KIND.strategy.field(KIND.create(CONTROLLER).object, "status.replicas") == "0"


def test_a_row_shows_what_kubectl_shows() -> None:
    assert KIND.cells(KIND.create(CONTROLLER)) == [
        "a", 1, 0, 0, "<unknown>", "c", "nginx", "app=a",
    ]  # fmt: skip
