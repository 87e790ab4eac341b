"""CronJobs."""

from __future__ import annotations

import pytest

from tests.unit.resources.writing import Kind, merged

KIND = Kind("batch/v1", "CronJob")
POD = {"restartPolicy": "OnFailure", "containers": [{"name": "c", "image": "busybox"}]}
CRON_JOB = {
    "metadata": {"name": "a"},
    "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": {"spec": POD}}}},
}
NEGATIVE = "must be greater than or equal to 0"
JOB = "spec.jobTemplate.spec"


def job(**changes: object) -> dict:
    return {"jobTemplate": {"spec": changes}}


MISTAKES = [
    ({"schedule": None}, ["spec.schedule: Required value"]),
    (
        {"schedule": "5 4"},
        ['spec.schedule: Invalid value: "5 4": expected exactly 5 fields, found 2: [5 4]'],
    ),
    (
        {"schedule": "TZ=UTC 0 0 * * *"},
        [
            'spec.schedule: Invalid value: "TZ=UTC 0 0 * * *": '
            "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        ],
    ),
    (
        {"timeZone": ""},
        ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string'],
    ),
    (
        {"timeZone": "Nowhere/Here"},
        ['spec.timeZone: Invalid value: "Nowhere/Here": unknown time zone Nowhere/Here'],
    ),
    (
        {"timeZone": "../etc"},
        ['spec.timeZone: Invalid value: "../etc": unknown time zone ../etc'],
    ),
    (
        {"timeZone": "Local"},
        [
            'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as '
            "defined in https://www.iana.org/time-zones"
        ],
    ),
    (
        {"concurrencyPolicy": "Never"},
        [
            'spec.concurrencyPolicy: Unsupported value: "Never": '
            'supported values: "Allow", "Forbid", "Replace"'
        ],
    ),
    (
        {
            "startingDeadlineSeconds": -1,
            "failedJobsHistoryLimit": -3,
            "successfulJobsHistoryLimit": -2,
        },
        [
            f"spec.startingDeadlineSeconds: Invalid value: -1: {NEGATIVE}",
            f"spec.successfulJobsHistoryLimit: Invalid value: -2: {NEGATIVE}",
            f"spec.failedJobsHistoryLimit: Invalid value: -3: {NEGATIVE}",
        ],
    ),
    (
        job(template={"spec": {"restartPolicy": None}}),
        [f'{JOB}.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ),
    (job(parallelism=-1), [f"{JOB}.parallelism: Invalid value: -1: {NEGATIVE}"]),
    (
        job(selector={"matchLabels": {"a": "b"}}),
        [
            f'{JOB}.selector: Invalid value: {{"matchLabels":{{"a":"b"}}}}: '
            "`selector` will be auto-generated"
        ],
    ),
    (
        job(manualSelector=True),
        [f'{JOB}.manualSelector: Unsupported value: true: supported values: "nil", "false"'],
    ),
]


def test_a_cron_job_gets_its_defaults_and_its_job_none() -> None:
    written = KIND.create(CRON_JOB)

    assert written.errors == []
    assert written.generation == 1
    spec = dict(written.spec)
    assert spec.pop("jobTemplate")["spec"].keys() == {"template"}
    assert spec == {
        "schedule": "*/5 * * * *",
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    }


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_all_told_at_once(changes: dict, errors: list[str]) -> None:
    assert KIND.create(merged(CRON_JOB, spec=changes)).errors == errors


def test_names_leave_room_for_those_of_jobs() -> None:
    name = "a" * 53
    written = KIND.create(merged(CRON_JOB, metadata={"name": name}))
    assert written.errors == [
        f'metadata.name: Invalid value: "{name}": must be no more than 52 characters'
    ]
    assert KIND.update(written, merged(CRON_JOB, metadata={"name": name})).errors == []


def test_a_zone_in_a_schedule_may_stay_alone() -> None:
    old = KIND.create(merged(CRON_JOB, spec={"schedule": "TZ=UTC 0 0 * * *"}))
    later = {"schedule": "TZ=UTC 0 1 * * *"}

    assert KIND.update(old, merged(CRON_JOB, spec=later)).errors == []
    both = merged(CRON_JOB, spec={**later, "timeZone": "Etc/UTC"})
    assert KIND.update(old, both).errors == [
        'spec.schedule: Invalid value: "TZ=UTC 0 1 * * *": '
        "cannot use both timeZone field and TZ or CRON_TZ in schedule"
    ]


def test_a_zone_that_was_known_once_may_stay() -> None:
    document = merged(CRON_JOB, spec={"timeZone": "Old/Zone"})
    old = KIND.create(document)
    assert KIND.update(old, merged(document, spec={"suspend": True})).errors == []


def test_a_row_shows_what_kubectl_shows() -> None:
    old = KIND.create(merged(CRON_JOB, metadata={"creationTimestamp": "1970-01-01T00:00:00Z"}))
    status = {"lastScheduleTime": "1970-01-01T00:05:00Z", "active": [{"name": "a-1"}]}
    ran = KIND.update(old, merged(CRON_JOB, status=status, spec={"timeZone": "UTC"}), "status")

    ends = ["c", "busybox", "<none>"]
    assert KIND.cells(old, 10) == [
        "a", "*/5 * * * *", "<none>", "False", 0, "<none>", "10s", *ends,
    ]  # fmt: skip
    assert KIND.cells(ran, 310) == [
        "a", "*/5 * * * *", "<none>", "False", 1, "10s", "5m10s", *ends,
    ]  # fmt: skip
