"""ConversionReviews: requests, and every invalid response."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apiserver.resources.custom.conversionreview import ConversionReview, review_version
from apiserver.schema.kindtypes import Inconvertible

UID = "4b3e6a2c-0000-4000-8000-000000000001"
BEFORE: dict[str, Any] = {
    "apiVersion": "example.com/v1",
    "kind": "Widget",
    "metadata": {
        "name": "a",
        "namespace": "n",
        "uid": "u",
        "resourceVersion": "7",
        "generation": 2,
        "labels": {"x": "y"},
        "annotations": {"old": "1"},
        "finalizers": ["example.com/f"],
    },
    "spec": {"size": 5},
}
PREFIX = "conversion webhook for example.com/v1, Kind=Widget "
CONVERTED: dict[str, Any] = {
    "apiVersion": "example.com/v2",
    "kind": "Widget",
    "metadata": {"name": "a", "namespace": "n", "uid": "u"},
    "spec": {"width": 5},
}


def review(version: str = "v1", count: int = 1) -> ConversionReview:
    return ConversionReview(version, UID, "example.com/v2", [BEFORE] * count)


def answer(response: Any, **members: Any) -> bytes:
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview"}
    return json.dumps({**head, "response": response, **members}).encode()


def success(*objects: Any, **members: Any) -> dict[str, Any]:
    result = {"status": "Success"}
    return {"uid": UID, "result": result, "convertedObjects": list(objects), **members}


def changed(**members: Any) -> dict[str, Any]:
    return {**CONVERTED, **members}


def with_metadata(**members: Any) -> dict[str, Any]:
    return changed(metadata={**CONVERTED["metadata"], **members})


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_objects_are_sent_as_they_are_stored(version: str) -> None:
    sent = json.loads(review(version).body)
    metadata = {key: each for key, each in BEFORE["metadata"].items() if key != "resourceVersion"}
    assert sent == {
        "apiVersion": f"apiextensions.k8s.io/{version}",
        "kind": "ConversionReview",
        "request": {
            "uid": UID,
            "desiredAPIVersion": "example.com/v2",
            "objects": [{**BEFORE, "metadata": metadata}],
        },
        "response": {"uid": "", "convertedObjects": None, "result": {"metadata": {}}},
    }


def test_the_first_known_version_of_a_review_is_sent() -> None:
    assert review_version(["v7", "v1beta1", "v1"]) == "v1beta1"
    with pytest.raises(Inconvertible, match=r"^no supported conversion review versions$"):
        review_version(["v7"])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, {}),
        ({"labels": None, "annotations": {}}, {"annotations": {}}),
        ({"labels": {"by": "hook"}, "annotations": {"b": "2"}}, ...),
        # What was invalid before may stay.
        ({"annotations": {"old": "1"}}, ...),
        ({"generation": 9, "finalizers": [], "resourceVersion": "9", "more": 1}, {}),
    ],
)
def test_only_labels_and_annotations_are_the_webhooks(given: Any, kept: Any) -> None:
    kept = given if kept is ... else kept
    (found,) = review().converted(answer(success(with_metadata(**given))))
    stays = ("name", "namespace", "uid", "resourceVersion", "generation", "finalizers")
    expected = {key: BEFORE["metadata"][key] for key in stays}
    assert found == {**CONVERTED, "metadata": {**expected, **kept}}


def test_an_old_webhook_need_not_return_uid_and_kind() -> None:
    body = json.dumps({"response": {**success(CONVERTED), "uid": "other"}}).encode()
    assert review("v1beta1").converted(body)[0]["spec"] == {"width": 5}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (answer(None), "failed: no response provided"),
        (answer(success(uid="x")), f'failed: expected response.uid="{UID}", got "x"'),
        (answer({}), f'failed: expected response.uid="{UID}", got ""'),
        (
            answer({"uid": UID, "result": {"status": "Failure", "message": "will not"}}),
            "failed: will not",
        ),
        (
            answer({"uid": UID, "result": {"status": "Failure"}}),
            "failed: response.result.status was 'Failure', not 'Success'",
        ),
        (answer({"uid": UID}), "failed: response.result.status was '', not 'Success'"),
        (answer(success()), "returned 0 objects, expected 1"),
        (answer(success(CONVERTED, CONVERTED)), "returned 2 objects, expected 1"),
        (
            json.dumps({"response": success(CONVERTED)}).encode(),
            "failed: expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, "
            "got /, Kind=",
        ),
        (
            answer(success(CONVERTED), apiVersion="apiextensions.k8s.io/v1beta1"),
            "failed: converting (v1beta1.ConversionReview) to (v1.ConversionReview): "
            "unknown conversion",
        ),
        (
            b"7",
            "failed: couldn't get version/kind; json parse error: json: cannot unmarshal number "
            'into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
            'Kind string "json:\\"kind,omitempty\\"" }',
        ),
        (
            answer([]),
            "failed: json: cannot unmarshal array into Go struct field "
            "ConversionReview.response of type v1.ConversionResponse",
        ),
        (
            answer({"uid": UID, "convertedObjects": {}}),
            "failed: json: cannot unmarshal object into Go struct field "
            "ConversionResponse.response.convertedObjects of type []runtime.RawExtension",
        ),
        (
            answer(success(changed(apiVersion="example.com/v3"))),
            "returned invalid object at index 0: invalid groupVersion "
            "(expected example.com/v2, received example.com/v3)",
        ),
        (
            answer(success(changed(kind="Gadget"))),
            "returned invalid object at index 0: invalid kind (expected Widget, received Gadget)",
        ),
        (
            answer(success(with_metadata(name="b"))),
            "returned invalid object: must have the same name: a != b",
        ),
        (
            answer(success(changed(metadata=None))),
            "returned invalid object: must have the same name: a != ",
        ),
        (
            answer(success(with_metadata(namespace="m"))),
            "returned invalid object: must have the same namespace: n != m",
        ),
        (
            answer(success(with_metadata(uid=None))),
            "returned invalid object: must have the same UID: u != ",
        ),
        (
            answer(success(with_metadata(labels=["x"]))),
            "returned invalid metadata: invalid metadata.labels of type []interface {} in "
            "converted object",
        ),
        (
            answer(success(with_metadata(annotations={"n": 1}))),
            "returned invalid metadata: metadata.annotations[n] must be a string, but is int64 in "
            "converted object",
        ),
        (
            answer(success(with_metadata(labels={"-": "x"}))),
            'returned invalid metadata: metadata.labels: Invalid value: "-": name part must '
            "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
            "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
            "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        ),
    ],
)
def test_a_wrong_answer_is_an_error(body: bytes, message: str) -> None:
    with pytest.raises(Inconvertible) as refused:
        review().converted(body)
    assert str(refused.value) == PREFIX + message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "unexpected end of JSON input"),
        ("x", "json: cannot unmarshal string into Go value of type map[string]interface {}"),
        ({"apiVersion": "v1"}, "Object 'Kind' is missing in '{\"apiVersion\":\"v1\"}'"),
    ],
)
def test_what_is_no_object_is_said_without_the_kind(given: Any, message: str) -> None:
    with pytest.raises(Inconvertible) as refused:
        review().converted(answer(success(given)))
    assert str(refused.value) == message


def test_an_answer_for_fewer_objects_is_an_error() -> None:
    with pytest.raises(Inconvertible, match=r"returned 1 objects, expected 2$"):
        review(count=2).converted(answer(success(CONVERTED)))


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ({}, "missing metadata in converted object"),
        ({"metadata": ["x"]}, "invalid metadata of type []interface {} in converted object"),
    ],
)
def test_metadata_of_an_object_without_a_name_is_needed_too(
    after: dict[str, Any], why: str
) -> None:
    unnamed = ConversionReview("v1", UID, "example.com/v2", [{**BEFORE, "metadata": {}}])
    converted = {"apiVersion": "example.com/v2", "kind": "Widget", **after}
    with pytest.raises(Inconvertible) as refused:
        unnamed.converted(answer(success(converted)))
    assert str(refused.value) == f"{PREFIX}returned invalid metadata: {why}"
