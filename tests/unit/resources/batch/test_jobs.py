"""Jobs: their defaults and own selector, what of them may change."""

from __future__ import annotations

import pytest

from apiserver.machinery.options import DeleteOptions
from apiserver.resources.strategy import ORPHAN
from tests.unit.resources.batch.jobs import INDEXED, JOB, KIND, failing
from tests.unit.resources.writing import UID, Written, merged

OWN_LABELS = {
    "batch.kubernetes.io/controller-uid": UID,
    "batch.kubernetes.io/job-name": "a",
    "controller-uid": UID,
    "job-name": "a",
}
OWN_SELECTOR = {"matchLabels": {"batch.kubernetes.io/controller-uid": UID}}


def suspended(**status: object) -> Written:
    old = KIND.create(merged(JOB, spec={"suspend": True}))
    return Written({**old.object, "status": status})


def with_pod(**changes: object) -> dict:
    return merged(JOB, spec={"template": {"spec": changes}})


def test_a_job_gets_its_defaults_and_its_own_selector() -> None:
    written = KIND.create(JOB)

    assert written.errors == []
    assert written.object["metadata"]["labels"] == OWN_LABELS
    spec = dict(written.spec)
    assert spec.pop("template")["metadata"]["labels"] == OWN_LABELS
    assert spec == {
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "manualSelector": False,
        "podReplacementPolicy": "TerminatingOrFailed",
        "selector": OWN_SELECTOR,
    }


DEFAULTS = [
    ({"parallelism": 3}, {"completions": None, "parallelism": 3}),
    ({"completions": 3}, {"completions": 3, "parallelism": 1}),
    ({**INDEXED, "backoffLimitPerIndex": 1}, {"backoffLimit": 2147483647}),
    (failing(action="Count", onPodConditions=[{"type": "x"}]), {"podReplacementPolicy": "Failed"}),
]


@pytest.mark.parametrize(("changes", "expected"), DEFAULTS)
def test_defaults_depend_on_what_is_given(changes: dict, expected: dict) -> None:
    written = KIND.create(merged(JOB, spec=changes))
    assert written.errors == []
    assert {name: written.spec.get(name) for name in expected} == expected


def test_a_condition_counts_when_it_is_true() -> None:
    written = KIND.create(
        merged(JOB, spec=failing(action="Count", onPodConditions=[{"type": "x"}]))
    )
    patterns = written.spec["podFailurePolicy"]["rules"][0]["onPodConditions"]
    assert patterns == [{"type": "x", "status": "True"}]


def test_labels_of_the_template_are_the_jobs_unless_it_has_its_own() -> None:
    labelled = merged(JOB, spec={"template": {"metadata": {"labels": {"a": "b"}}}})
    assert KIND.create(labelled).object["metadata"]["labels"] == {"a": "b", **OWN_LABELS}
    both = merged(labelled, metadata={"labels": {"c": "d"}})
    assert KIND.create(both).object["metadata"]["labels"] == {"c": "d"}


def test_a_selector_by_hand_is_left_alone() -> None:
    selector = {"matchLabels": {"a": "b"}}
    changes = {"manualSelector": True, "selector": selector}
    manual = merged(JOB, spec={**changes, "template": {"metadata": {"labels": {"a": "b"}}}})
    written = KIND.create(manual)

    assert written.errors == []
    assert written.spec["selector"] == selector
    assert KIND.create(merged(manual, spec={"selector": None})).errors == [
        "spec.selector: Required value",
        'spec.template.metadata.labels: Invalid value: {"a":"b"}: '
        "`selector` does not match template `labels`",
    ]


def test_a_selector_of_the_clients_is_not_the_jobs_own() -> None:
    written = KIND.create(merged(JOB, spec={"selector": {"matchLabels": {"a": "b"}}}))
    assert written.errors[0] == (
        f'spec.selector: Invalid value: {{"matchLabels":{{"a":"b",'
        f'"batch.kubernetes.io/controller-uid":"{UID}"}}}}: `selector` not auto-generated'
    )


def test_labels_that_the_server_sets_cannot_be_others() -> None:
    changes = {"template": {"metadata": {"labels": {"job-name": "other"}}}}
    written = KIND.create(merged(JOB, spec=changes))
    assert len(written.errors) == 1
    assert written.errors[0].startswith("spec.template.metadata.labels[job-name]: Invalid value: ")
    assert written.errors[0].endswith(": must be 'a'")


IMMUTABLE = [
    ({"completions": 5}, ["spec.completions"]),
    ({"completionMode": "Indexed"}, ["spec.completionMode"]),
    ({"managedBy": "example.com/x"}, ["spec.managedBy"]),
    ({"template": {"spec": {"containers": [{"name": "c", "image": "x"}]}}}, ["spec.template"]),
    ({"template": {"spec": {"nodeSelector": {"a": "b"}}}}, ["spec.template"]),
    ({"parallelism": 4, "suspend": True, "ttlSecondsAfterFinished": 1, "backoffLimit": 2}, []),
]


@pytest.mark.parametrize(("changes", "fields"), IMMUTABLE)
def test_what_a_job_is_does_not_change(changes: dict, fields: list[str]) -> None:
    old = KIND.create(JOB)
    document = merged(old.object, spec=changes)
    errors = KIND.update(old, {key: document[key] for key in ("metadata", "spec")}).errors
    assert [error.partition(":")[0] for error in errors] == fields
    assert all(error.endswith("field is immutable") for error in errors)


def test_an_indexed_job_grows_and_shrinks_with_its_parallelism() -> None:
    old = KIND.create(merged(JOB, spec={**INDEXED, "parallelism": 5}))
    base = {key: old.object[key] for key in ("metadata", "spec")}

    both = merged(base, spec={"completions": 8, "parallelism": 8})
    assert KIND.update(old, both).errors == []
    assert KIND.update(old, merged(base, spec={"completions": 8})).errors == [
        "spec.completions: Invalid value: 8: can only be modified in tandem with spec.parallelism"
    ]


SCHEDULING = [
    {"nodeSelector": {"zone": "a"}},
    {"tolerations": [{"operator": "Exists"}]},
    {"schedulingGates": [{"name": "example.com/gate"}]},
    {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}}},
    {"containers": [{"name": "c", "image": "busybox", "resources": {"requests": {"cpu": "2"}}}]},
]  # fmt: skip


@pytest.mark.parametrize("changes", SCHEDULING)
def test_a_job_that_waits_may_be_sent_elsewhere(changes: dict) -> None:
    old = suspended()
    base = {key: old.object[key] for key in ("metadata", "spec")}
    document = merged(base, spec={"template": {"spec": changes}})

    assert KIND.update(old, document).errors == []
    running = Written({**old.object, "status": {"active": 1}})
    (error,) = KIND.update(running, document).errors
    assert error.startswith("spec.template: Invalid value: {")


def test_a_job_that_waits_stays_what_it_is_otherwise() -> None:
    old = suspended()
    document = merged(
        {key: old.object[key] for key in ("metadata", "spec")},
        spec={"template": {"spec": {"containers": [{"name": "c", "image": "other"}]}}},
    )
    (error,) = KIND.update(old, document).errors
    assert error.startswith("spec.template.spec: Invalid value: {")


def test_a_job_that_ran_waits_again_when_its_controller_says_so() -> None:
    condition = {"type": "Suspended", "status": "True"}
    started = {"startTime": "2026-01-01T00:00:00Z"}
    document = merged(
        {key: suspended().object[key] for key in ("metadata", "spec")},
        spec={"template": {"spec": {"nodeSelector": {"a": "b"}}}},
    )
    assert KIND.update(suspended(**started, conditions=[condition]), document).errors == []
    assert len(KIND.update(suspended(**started), document).errors) == 1


def test_pods_are_orphaned_unless_the_client_says_otherwise() -> None:
    assert KIND.strategy.default_garbage_collection_policy == ORPHAN


def test_the_number_of_successes_can_be_selected_by() -> None:
    assert KIND.strategy.field({"metadata": {}, "status": {}}, "status.successful") == "0"


def test_very_large_jobs_are_warned_about() -> None:
    changes = {"completionMode": "Indexed", "completions": 100_001, "parallelism": 10_001}
    (warning,) = KIND.create(merged(JOB, spec=changes)).warnings
    assert warning.startswith("spec: In Indexed Jobs with a number of completions higher than 10^5")


def state(*conditions: str, **status: object) -> dict:
    listed = [{"type": type_, "status": "True"} for type_ in conditions]
    return {"status": {"conditions": listed, **status}}


STATES = [
    ({}, "Running"),
    (state("SuccessCriteriaMet"), "SuccessCriteriaMet"),
    (state("FailureTarget", "SuccessCriteriaMet"), "FailureTarget"),
    (state("Suspended"), "Suspended"),
    (state("Failed"), "Failed"),
    (state("Failed", "Complete"), "Complete"),
]


@pytest.mark.parametrize(("status", "shown"), STATES)
def test_a_row_shows_the_state(status: dict, shown: str) -> None:
    written = KIND.create(JOB)
    assert KIND.cells(Written({**written.object, **status}))[1] == shown


def test_a_row_shows_what_kubectl_shows() -> None:
    status = {"succeeded": 1, "startTime": "1970-01-01T00:00:10Z"}
    running = Written({**KIND.create(JOB).object, "status": status})
    ended = {**status, "completionTime": "1970-01-01T00:02:20Z"}
    done = Written({**KIND.create(merged(JOB, spec={"parallelism": 3})).object, "status": ended})
    selector = f"batch.kubernetes.io/controller-uid={UID}"

    assert KIND.cells(running, 40) == [
        "a", "Running", "1/1", "30s", "<unknown>", "c", "busybox", selector,
    ]  # fmt: skip
    assert KIND.cells(done, 9999)[2:4] == ["1/1 of 3", "2m10s"]


def test_who_deletes_without_a_word_on_pods_is_told_that_they_stay() -> None:
    warnings = KIND.strategy.warnings_on_delete
    assert warnings(DeleteOptions()) == [
        "child pods are preserved by default when jobs are deleted; set "
        "propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress "
        "this warning"
    ]
    assert warnings(DeleteOptions(propagation_policy="Orphan")) == []
    assert warnings(DeleteOptions(orphan_dependents=False)) == []
