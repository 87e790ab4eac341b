"""Validation of Jobs."""

from __future__ import annotations

import pytest

from tests.unit.resources.batch.jobs import INDEXED, JOB, KIND, failing, succeeding
from tests.unit.resources.writing import merged

NEGATIVE = "must be greater than or equal to 0"
RULES = "spec.podFailurePolicy.rules"
SUCCESS = "spec.successPolicy"
COUNTS = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
)


MISTAKES = [
    (
        dict.fromkeys(COUNTS, -1),
        [f"spec.{name}: Invalid value: -1: {NEGATIVE}" for name in COUNTS],
    ),
    (
        {"completionMode": "Sideways"},
        [
            'spec.completionMode: Unsupported value: "Sideways": '
            'supported values: "NonIndexed", "Indexed"'
        ],
    ),
    (
        {"completionMode": "Indexed", "parallelism": 1},
        ["spec.completions: Required value: when completion mode is Indexed"],
    ),
    (
        {**INDEXED, "parallelism": 100_001},
        [
            "spec.parallelism: Invalid value: 100001: "
            "must be less than or equal to 100000 when completion mode is Indexed"
        ],
    ),
    (
        {**INDEXED, "maxFailedIndexes": 6},
        [
            "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
            "spec.maxFailedIndexes: Invalid value: 6: must be less than or equal to completions",
        ],
    ),
    (
        {**INDEXED, "completions": 100_001, "backoffLimitPerIndex": 1},
        [
            "spec.maxFailedIndexes: Required value: "
            "must be specified when completions is above 100000"
        ],
    ),
    (
        {"backoffLimitPerIndex": 1},
        ["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
    ),
    (
        {"managedBy": "me"},
        [
            'spec.managedBy: Invalid value: "me": '
            'must be a domain-prefixed path (such as "acme.io/foo")'
        ],
    ),
    (
        {"managedBy": f"example.com/{'x' * 60}"},
        ["spec.managedBy: Too long: may not be more than 63 bytes"],
    ),
    (
        {"podReplacementPolicy": "Always"},
        [
            'spec.podReplacementPolicy: Unsupported value: "Always": '
            'supported values: "Failed", "TerminatingOrFailed"'
        ],
    ),
    (
        {"template": {"spec": {"restartPolicy": None}}},
        ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ),
    (
        {
            **failing(action="Ignore", onPodConditions=[{"type": "x"}]),
            "podReplacementPolicy": "TerminatingOrFailed",
            "template": {"spec": {"restartPolicy": "OnFailure"}},
        },
        [
            'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": '
            'supported values: "Failed"',
            'spec.template.spec.restartPolicy: Invalid value: "OnFailure": '
            'only "Never" is supported when podFailurePolicy is specified',
        ],
    ),
    (
        failing(action="FailIndex"),
        [
            f'{RULES}[0].action: Invalid value: "FailIndex": '
            "requires the backoffLimitPerIndex to be set",
            f"{RULES}[0]: Invalid value: "
            "specifying one of OnExitCodes and OnPodConditions is required",
        ],
    ),
    (
        failing(
            action="",
            onExitCodes={"containerName": "x", "operator": "In", "values": [2, 0, 2]},
            onPodConditions=[{"type": "", "status": "Perhaps"}],
        ),
        [
            f"{RULES}[0].action: Required value: "
            'valid values: ["Count" "FailIndex" "FailJob" "Ignore"]',
            f'{RULES}[0].onExitCodes.containerName: Invalid value: "x": '
            "must be one of the container or initContainer names in the pod template",
            f"{RULES}[0].onExitCodes.values[1]: Invalid value: 0: "
            "must not be 0 for the In operator",
            f"{RULES}[0].onExitCodes.values[2]: Duplicate value: 2",
            f"{RULES}[0].onExitCodes.values: Invalid value: [2,0,2]: must be ordered",
            f'{RULES}[0].onPodConditions[0].type: Invalid value: "": '
            "name part must be non-empty",
            f'{RULES}[0].onPodConditions[0].type: Invalid value: "": '
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start "
            "and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
            "'123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            f'{RULES}[0].onPodConditions[0].status: Unsupported value: "Perhaps": '
            'supported values: "False", "True", "Unknown"',
            f"{RULES}[0]: Invalid value: "
            "specifying both OnExitCodes and OnPodConditions is not supported",
        ],
    ),
    (
        {"podFailurePolicy": {"rules": [{"action": "Count", "onExitCodes": {"operator": "In",
         "values": [1]}}] * 21}},
        [f"{RULES}: Too many: 21: must have at most 20 items"],
    ),
    (
        {"successPolicy": {"rules": [{"succeededCount": 1}]}},
        [
            f'{SUCCESS}: Invalid value: {{"Rules":[{{"SucceededIndexes":null,'
            '"SucceededCount":1}]}: requires indexed completion mode'
        ],
    ),
    (
        succeeding(),
        [
            f"{SUCCESS}.rules: Required value: "
            "at least one rules must be specified when the successPolicy is specified"
        ],
    ),
    (
        succeeding(
            {}, {"succeededIndexes": "0-2,9"}, {"succeededIndexes": "0,2", "succeededCount": 3}
        ),
        [
            f"{SUCCESS}.rules[0]: Required value: "
            "at least one of succeededCount or succeededIndexes must be specified",
            f'{SUCCESS}.rules[1].succeededIndexes: Invalid value: "0-2,9": '
            'error parsing succeededIndexes: too large index: "9"',
            f"{SUCCESS}.rules[2].succeededCount: Invalid value: 3: must be less than or equal to "
            "2 (the number of indexes in the specified succeededIndexes field)",
        ],
    ),
    (
        succeeding({"succeededCount": 6}),
        [
            f"{SUCCESS}.rules[0].succeededCount: Invalid value: 6: "
            "must be less than or equal to 5 (the number of specified completions)"
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_all_told_at_once(changes: dict, errors: list[str]) -> None:
    assert KIND.create(merged(JOB, spec=changes)).errors == errors


def test_names_of_indexed_pods_must_be_labels() -> None:
    name = "a" * 62
    written = KIND.create(merged(JOB, metadata={"name": name}, spec=INDEXED))
    assert written.errors == [
        f'metadata.name: Invalid value: "{name}": '
        f"will not able to create pod with invalid DNS label: {name}-4"
    ]
