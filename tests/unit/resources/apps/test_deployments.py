"""Deployments: what they get, what they refuse, what counts as their intent."""

from __future__ import annotations

import pytest

from tests.unit.resources.writing import Kind, merged

KIND = Kind("apps/v1", "Deployment")
POD = {"containers": [{"name": "c", "image": "nginx"}]}
DEPLOYMENT = {
    "metadata": {"name": "a"},
    "spec": {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {"metadata": {"labels": {"app": "a"}}, "spec": POD},
    },
}
LABELS = "`selector` does not match template `labels`"
NEGATIVE = "must be greater than or equal to 0"
PACE = "spec.strategy.rollingUpdate"

MISTAKES = [
    (
        {"selector": None},
        [
            "spec.selector: Required value",
            f'spec.template.metadata.labels: Invalid value: {{"app":"a"}}: {LABELS}',
        ],
    ),
    (
        {"selector": {"matchLabels": None}},
        ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
    ),
    (
        {"selector": {"matchLabels": {"b": "c", "app": "x"}}},
        [f'spec.template.metadata.labels: Invalid value: {{"app":"a"}}: {LABELS}'],
    ),
    (
        {"selector": {"matchLabels": {"app": "a", "-": "x"}}},
        [
            'spec.selector.matchLabels: Invalid value: "-": name part must consist of alphanumeric '
            "characters, '-', '_' or '.', and must start and end with an alphanumeric character "
            "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            'spec.selector: Invalid value: {"matchLabels":{"-":"x","app":"a"}}: '
            "invalid label selector",
        ],
    ),
    ({"replicas": -1}, [f"spec.replicas: Invalid value: -1: {NEGATIVE}"]),
    ({"minReadySeconds": -1}, [f"spec.minReadySeconds: Invalid value: -1: {NEGATIVE}"]),
    (
        {"progressDeadlineSeconds": 5, "minReadySeconds": 5},
        ["spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"],
    ),
    (
        {"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}},
        [f"{PACE}: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ),
    (
        {"strategy": {"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": 0}}},
        [f"{PACE}.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
    ),
    (
        {"strategy": {"rollingUpdate": {"maxSurge": "120%", "maxUnavailable": "120%"}}},
        [f'{PACE}.maxUnavailable: Invalid value: "120%": must not be greater than 100%'],
    ),
    (
        {"strategy": {"rollingUpdate": {"maxSurge": -1, "maxUnavailable": 1}}},
        [f"{PACE}.maxSurge: Invalid value: -1: {NEGATIVE}"],
    ),
    (
        {"strategy": {"type": "Slowly"}},
        [
            'spec.strategy: Unsupported value: {"Type":"Slowly","RollingUpdate":null}: '
            'supported values: "Recreate", "RollingUpdate"'
        ],
    ),
    (
        {"template": {"spec": {"restartPolicy": "Never", "activeDeadlineSeconds": 5}}},
        [
            'spec.template.spec.restartPolicy: Unsupported value: "Never": '
            'supported values: "Always"',
            "spec.template.spec.activeDeadlineSeconds: Forbidden: "
            "activeDeadlineSeconds in ReplicaSet is not Supported",
        ],
    ),
    ({"template": {"spec": None}}, ["spec.template.spec.containers: Required value"]),
    (
        {"strategy": {"rollingUpdate": {"maxSurge": "half", "maxUnavailable": 1}}},
        [
            f'{PACE}.maxSurge: Invalid value: "half": a valid percent string must be a numeric '
            "string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is "
            "'[0-9]+%')"
        ],
    ),
    (
        {"template": {"metadata": {"labels": {"-": "x"}}}},
        [
            'spec.template.labels: Invalid value: "-": name part must consist of alphanumeric '
            "characters, '-', '_' or '.', and must start and end with an alphanumeric character "
            "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        ],
    ),
]

STATUS_MISTAKES = [
    (
        {"replicas": -1, "collisionCount": 2},
        [
            f"status.replicas: Invalid value: -1: {NEGATIVE}",
            *(
                f"status.{name}Replicas: Invalid value: 0: cannot be greater than status.replicas"
                for name in ("updated", "ready", "available")
            ),
        ],
    ),
    (
        {"replicas": 1, "updatedReplicas": 2, "collisionCount": 2},
        ["status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas"],
    ),
    (
        {"replicas": 3, "readyReplicas": 1, "availableReplicas": 2, "collisionCount": 2},
        ["status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas"],
    ),
    ({}, ["status.collisionCount: Invalid value: 0: cannot be decremented"]),
    (
        {"collisionCount": 1},
        ["status.collisionCount: Invalid value: 1: cannot be decremented"],
    ),
    (
        {"collisionCount": 2, "terminatingReplicas": -1},
        [f"status.terminatingReplicas: Invalid value: -1: {NEGATIVE}"],
    ),
]


def test_a_deployment_gets_its_defaults() -> None:
    written = KIND.create(DEPLOYMENT)

    assert written.errors == []
    assert written.generation == 1
    assert written.object["status"] == {}
    spec = dict(written.spec)
    assert spec.pop("template")["spec"]["restartPolicy"] == "Always"
    assert spec == {
        "selector": {"matchLabels": {"app": "a"}},
        "replicas": 1,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
        },
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    }


def test_zeros_and_other_strategies_stay_as_they_are() -> None:
    changes = {"replicas": 0, "revisionHistoryLimit": 0, "strategy": {"type": "Recreate"}}
    written = KIND.create(merged(DEPLOYMENT, spec=changes))

    assert written.errors == []
    assert {name: written.spec[name] for name in changes} == changes


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_all_told_at_once(changes: dict, errors: list[str]) -> None:
    assert KIND.create(merged(DEPLOYMENT, spec=changes)).errors == errors


def test_a_change_of_the_selector_is_refused_after_what_is_wrong_with_it() -> None:
    old = KIND.create(DEPLOYMENT)
    changed = merged(DEPLOYMENT, spec={"selector": {"matchLabels": {"app": "b"}}})

    assert KIND.update(old, changed).errors == [
        f'spec.template.metadata.labels: Invalid value: {{"app":"a"}}: {LABELS}',
        'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
    ]


def test_the_generation_grows_with_spec_and_annotations() -> None:
    old = KIND.create(DEPLOYMENT)
    labelled = merged(DEPLOYMENT, metadata={"labels": {"l": "m"}})
    annotated = merged(DEPLOYMENT, metadata={"annotations": {"a": "b"}})
    scaled = merged(annotated, spec={"replicas": 5})

    assert KIND.update(old, labelled).generation == 1
    assert KIND.update(old, annotated).generation == 2
    assert KIND.update(old, scaled).generation == 2
    assert KIND.update(KIND.update(old, annotated), scaled).generation == 3


def test_main_and_status_are_written_apart() -> None:
    old = KIND.create(merged(DEPLOYMENT, metadata={"labels": {"l": "m"}}))
    change = merged(DEPLOYMENT, spec={"replicas": 5}, status={"replicas": 2})
    change = merged(change, metadata={"labels": {"l": "other"}, "annotations": {"a": "b"}})

    main = KIND.update(old, change).object
    status = KIND.update(old, change, "status").object
    assert (main["spec"]["replicas"], main["status"]) == (5, {})
    assert (status["spec"]["replicas"], status["status"]) == (1, {"replicas": 2})
    assert status["metadata"]["labels"] == {"l": "m"}
    assert status["metadata"]["annotations"] == {"a": "b"}
    assert status["metadata"]["generation"] == 1


@pytest.mark.parametrize(("status", "errors"), STATUS_MISTAKES)
def test_a_status_adds_up(status: dict, errors: list[str]) -> None:
    old = KIND.update(
        KIND.create(DEPLOYMENT), merged(DEPLOYMENT, status={"collisionCount": 2}), "status"
    )
    assert KIND.update(old, merged(DEPLOYMENT, status=status), "status").errors == errors


def test_a_name_that_pods_cannot_have_is_warned_about() -> None:
    written = KIND.create(merged(DEPLOYMENT, metadata={"name": "a.b"}))

    assert written.errors == []
    assert written.warnings == [
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising "
        "behavior; a DNS label is recommended: [must not contain dots]"
    ]
    assert KIND.update(written, merged(DEPLOYMENT, spec={"replicas": 2})).warnings == []


def test_a_row_shows_what_kubectl_shows() -> None:
    pods = {"containers": [*POD["containers"], {"name": "d", "image": "busybox:1"}]}
    expression = {"key": "tier", "operator": "In", "values": ["x", "b"]}
    changes = {"replicas": 3, "template": {"spec": pods, "metadata": {"labels": {"tier": "x"}}}}
    document = merged(DEPLOYMENT, spec={**changes, "selector": {"matchExpressions": [expression]}})
    created = KIND.create(merged(document, metadata={"creationTimestamp": "1970-01-01T00:00:00Z"}))
    status = {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1}
    written = KIND.update(created, merged(document, status=status), "status")

    assert written.errors == []
    assert KIND.cells(written, now=125) == [
        "a", "2/3", 3, 1, "2m5s", "c,d", "nginx,busybox:1", "app=a,tier in (b,x)",
    ]  # fmt: skip
