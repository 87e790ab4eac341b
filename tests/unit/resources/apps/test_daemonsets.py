"""DaemonSets."""

from __future__ import annotations

import pytest

from apiserver.machinery.errors import BadRequest
from tests.unit.resources.writing import Kind, Written, merged

KIND = Kind("apps/v1", "DaemonSet")
DAEMON_SET = {
    "metadata": {"name": "a"},
    "spec": {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {"containers": [{"name": "c", "image": "nginx"}]},
        },
    },
}
NUMBER = "deprecated.daemonset.template.generation"
NEGATIVE = "must be greater than or equal to 0"
PACE = "spec.updateStrategy.rollingUpdate"
MISMATCH = (
    'spec.template.metadata.labels: Invalid value: {"app":"a"}: '
    "`selector` does not match template `labels`"
)

MISTAKES = [
    ({"selector": None}, [MISMATCH]),
    (
        {"selector": {"matchLabels": None}},
        ["spec.selector: Invalid value: {}: empty selector is invalid for daemonset"],
    ),
    (
        {"selector": {"matchExpressions": [{"key": "app", "operator": "In"}]}},
        [
            "spec.selector.matchExpressions[0].values: Required value: "
            "must be specified when `operator` is 'In' or 'NotIn'"
        ],
    ),
    ({"selector": {"matchLabels": {"app": "b"}}}, [MISMATCH]),
    ({"minReadySeconds": -1}, [f"spec.minReadySeconds: Invalid value: -1: {NEGATIVE}"]),
    ({"revisionHistoryLimit": -1}, [f"spec.revisionHistoryLimit: Invalid value: -1: {NEGATIVE}"]),
    (
        {"updateStrategy": {"type": "Slowly"}},
        [
            'spec.updateStrategy: Unsupported value: {"Type":"Slowly","RollingUpdate":null}: '
            'supported values: "RollingUpdate", "OnDelete"'
        ],
    ),
    (
        {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}},
        [f"{PACE}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"],
    ),
    (
        {"updateStrategy": {"rollingUpdate": {"maxSurge": "5%"}}},
        [f'{PACE}.maxSurge: Invalid value: "5%": may not be set when maxUnavailable is non-zero'],
    ),
    (
        {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "200%"}}},
        [f'{PACE}.maxUnavailable: Invalid value: "200%": must not be greater than 100%'],
    ),
    (
        {"template": {"spec": {"restartPolicy": "Never", "activeDeadlineSeconds": 5}}},
        [
            'spec.template.spec.restartPolicy: Unsupported value: "Never": '
            'supported values: "Always"',
            "spec.template.spec.activeDeadlineSeconds: Forbidden: "
            "activeDeadlineSeconds in DaemonSet is not Supported",
        ],
    ),
]


def number_of(written: Written) -> str:
    return written.object["metadata"]["annotations"][NUMBER]


def test_a_daemon_set_gets_its_defaults() -> None:
    written = KIND.create(DAEMON_SET)

    assert written.errors == []
    spec = dict(written.spec)
    del spec["template"]
    assert spec == {
        "selector": {"matchLabels": {"app": "a"}},
        "updateStrategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
        },
        "revisionHistoryLimit": 10,
    }
    assert number_of(written) == "1"


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_all_told_at_once(changes: dict, errors: list[str]) -> None:
    assert KIND.create(merged(DAEMON_SET, spec=changes)).errors == errors


def test_a_change_of_the_selector_is_refused_before_what_is_wrong_with_it() -> None:
    old = KIND.create(DAEMON_SET)
    changed = merged(DAEMON_SET, spec={"selector": {"matchLabels": {"app": "b"}}})

    assert KIND.update(old, changed).errors == [
        'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
        MISMATCH,
    ]


def test_templates_are_numbered_by_the_server_alone() -> None:
    made = KIND.create(merged(DAEMON_SET, metadata={"annotations": {NUMBER: "7"}}))
    assert number_of(made) == "7"

    forged = merged(DAEMON_SET, metadata={"annotations": {NUMBER: "99"}})
    assert number_of(KIND.update(made, forged)) == "7"
    assert number_of(KIND.update(made, forged, "status")) == "7"
    paused = KIND.update(made, merged(DAEMON_SET, spec={"minReadySeconds": 1}))
    assert (number_of(paused), paused.generation) == ("7", 2)
    changed = merged(DAEMON_SET, spec={"template": {"metadata": {"annotations": {"a": "b"}}}})
    replaced = KIND.update(made, changed)
    assert (number_of(replaced), replaced.generation) == ("8", 2)


def test_a_number_that_is_none_is_not_understood() -> None:
    with pytest.raises(BadRequest, match=r'strconv\.ParseInt: parsing "x": invalid syntax'):
        KIND.create(merged(DAEMON_SET, metadata={"annotations": {NUMBER: "x"}}))


def test_a_status_adds_up() -> None:
    old = KIND.create(DAEMON_SET)
    status = {"numberReady": -1, "numberUnavailable": -2}
    assert KIND.update(old, merged(DAEMON_SET, status=status), "status").errors == [
        f"status.numberReady: Invalid value: -1: {NEGATIVE}",
        f"status.numberUnavailable: Invalid value: -2: {NEGATIVE}",
    ]


def test_a_row_shows_what_kubectl_shows() -> None:
    changes = {"template": {"spec": {"nodeSelector": {"disk": "ssd", "cpu": "fast"}}}}
    written = KIND.create(merged(DAEMON_SET, spec=changes))
    assert KIND.cells(written) == [
        "a", 0, 0, 0, 0, 0, "cpu=fast,disk=ssd", "<unknown>", "c", "nginx", "app=a",
    ]  # fmt: skip
