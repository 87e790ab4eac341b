"""Audit events: fields by level, managed fields, size limits, bodies that are not JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apiserver.access.audit.audit_event import AuditEvent
from apiserver.access.audit.audit_policy import RESPONSE_COMPLETE, AuditRule, Level
from tests.unit.access.audit.records import event

FIELDS = {"managedFields": [{"manager": "m"}]}
POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "p", "uid": "u", "resourceVersion": "7", **FIELDS},
}


def encoded(draft: AuditEvent, most: int = 0) -> dict[str, Any]:
    data = draft.at_stage(RESPONSE_COMPLETE, 1_700_000_001.5).encode(most)
    assert data is not None
    document: dict[str, Any] = json.loads(data)
    return document


def answered(level: Level, *, omit_managed_fields: bool = False) -> AuditEvent:
    draft = event(level, omit_managed_fields=omit_managed_fields)
    draft.set_request_object(POD, 100)
    draft.set_response_object([json.dumps(POD).encode()], 100, "application/json")
    draft.set_response_code(201)
    draft.annotate("b", "1")
    draft.annotate("a", "2")
    draft.annotate("b", "3")
    return draft


def test_metadata_have_this_form() -> None:
    assert list(encoded(answered(Level.METADATA)).items()) == list({
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "id",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/n/pods/p?a=b",
        "verb": "get",
        "user": {
            "username": "ann",
            "uid": "1",
            "groups": ["devs", 'the "best"'],
            "extra": {"scopes": ["a", "b"]},
        },
        "sourceIPs": ["1.2.3.4"],
        "userAgent": "kubectl",
        "objectRef": {
            "resource": "pods",
            "namespace": "n",
            "name": "p",
            "uid": "u",
            "apiVersion": "v1",
            "resourceVersion": "7",
        },
        "responseStatus": {"metadata": {}, "code": 201},
        "requestReceivedTimestamp": "2023-11-14T22:13:20.250000Z",
        "stageTimestamp": "2023-11-14T22:13:21.500000Z",
        "annotations": {"a": "2", "b": "1"},
    }.items())  # fmt: skip


@pytest.mark.parametrize(
    ("level", "members"),
    [
        (Level.METADATA, set()),
        (Level.REQUEST, {"requestObject"}),
        (Level.REQUEST_RESPONSE, {"requestObject", "responseObject"}),
    ],
)
def test_objects_are_recorded_at_their_levels(level: Level, members: set[str]) -> None:
    found = encoded(answered(level))
    assert {name for name in found if name.endswith("Object")} == members
    assert all(found[name] == POD for name in members)


def test_managed_fields_are_left_out_if_that_is_wanted() -> None:
    draft = answered(Level.REQUEST_RESPONSE, omit_managed_fields=True)
    for document in (
        {"kind": "PodList", "metadata": {}, "items": [POD]},
        {"kind": "Table", "rows": [{"cells": [1], "object": POD}, {"cells": [2]}]},
    ):
        draft.set_response_object([json.dumps(document).encode()], 1, "application/json")
        found = encoded(draft)
        assert "managedFields" not in json.dumps(found)
        assert json.dumps(found).count('"uid": "u"') == 3
    assert "managedFields" in POD["metadata"], "the object is that of the request"


def test_a_failure_is_told_at_every_level() -> None:
    status = {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "m",
        "reason": "NotFound", "details": {}, "code": 404,
    }  # fmt: skip
    for level in (Level.METADATA, Level.REQUEST_RESPONSE):
        draft = event(level)
        draft.set_response_status(status)
        draft.set_response_code(200)
        found = encoded(draft)
        told = {"status": "Failure", "message": "m", "reason": "NotFound", "details": {}}
        assert found["responseStatus"] == {"metadata": {}, **told, "code": 404}
        assert ("responseObject" in found) == (level is Level.REQUEST_RESPONSE)


def test_events_that_are_too_large_lose_their_objects() -> None:
    draft = answered(Level.REQUEST_RESPONSE)
    whole = len(draft.at_stage(RESPONSE_COMPLETE, 1.0).encode() or b"")
    assert "requestObject" in encoded(draft, whole)
    found = encoded(draft, whole - 1)
    assert "requestObject" not in found
    assert found["annotations"]["audit.k8s.io/truncated"] == "true"
    assert draft.at_stage(RESPONSE_COMPLETE, 1.0).encode(100) is None


@pytest.mark.parametrize(
    ("data", "is_yaml", "shown"),
    [
        (b'[{"op":"remove","path":"/a"}]', False, [{"op": "remove", "path": "/a"}]),
        (b"a: 1\n", True, {"a": 1}),
        (b"{nothing", False, "{nothing"),
        (b"a: [", True, "a: ["),
        (b'{"a":123456789012345678901234567890}', False, {"a": 1.2345678901234568e29}),
    ],
)
def test_patches_are_shown_as_what_they_are(data: bytes, shown: Any, *, is_yaml: bool) -> None:
    draft = event(Level.REQUEST)
    draft.set_request_patch(data, is_yaml=is_yaml)
    assert encoded(draft)["requestObject"] == shown


def test_bytes_that_are_no_text_are_replaced() -> None:
    draft = event()
    draft.set_request("/api/\udcff", "get", [], "")
    assert encoded(draft)["requestURI"] == "/api/?"


def test_the_old_format_is_a_line_of_text() -> None:
    draft = event()
    legacy = draft.at_stage(RESPONSE_COMPLETE, 1_700_000_001.5).legacy()
    assert legacy.decode() == (
        '2023-11-14T22:13:20.250000Z AUDIT: id="id" stage="ResponseComplete" ip="1.2.3.4" '
        'method="get" user="ann" groups="\\"devs\\",\\"the \\\\\\"best\\\\\\"\\"" as="<self>" '
        'asgroups="<lookup>" user-agent="kubectl" namespace="n" '
        'uri="/api/v1/namespaces/n/pods/p?a=b" response="<deferred>"'
    )


def test_a_request_of_nobody_has_an_empty_user() -> None:
    draft = AuditEvent("id", AuditRule(Level.METADATA), None, 0.0)
    draft.set_request("/", "get", [], "")
    found = encoded(draft)
    assert found["user"] == {}
    assert not {"sourceIPs", "userAgent", "objectRef", "responseStatus"} & set(found)


async def test_a_response_begins_once() -> None:
    codes: list[int] = []

    async def begins(code: int) -> None:
        codes.append(code)

    draft = event()
    await draft.start(500)
    assert not draft.has_started, "only requests that run for long say so"
    draft.on_start = begins
    await draft.start(101)
    await draft.start(200)
    assert (codes, draft.has_started) == ([101], True)
