"""status, scale and token are written apart from their objects."""

from __future__ import annotations

from apiserver.testing.conformance.conformance_client import MERGE_PATCH, Api
from apiserver.testing.conformance.sample_objects import deployment

CONDITION = {
    "type": "example.com/Seen",
    "status": "True",
    "lastTransitionTime": "2020-01-01T00:00:00Z",
    "lastUpdateTime": "2020-01-01T00:00:00Z",
}


def test_spec_and_status_are_written_apart(api: Api, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    made = api.make(path, deployment("d") | {"status": {"replicas": 5}})
    assert made["status"].get("replicas", 0) == 0
    change = {"spec": {"paused": True}, "status": {"conditions": [CONDITION]}}
    changed = api.send("PATCH", f"{path}/d/status", change, MERGE_PATCH)
    assert changed.status == 200
    assert "example.com/Seen" in [each["type"] for each in changed.json["status"]["conditions"]]
    assert "paused" not in changed.json["spec"]
    assert changed.json["metadata"]["generation"] == made["metadata"]["generation"]


def test_the_generation_counts_changes_of_the_spec(api: Api, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    made = api.make(path, deployment("d"))
    assert made["metadata"]["generation"] == 1
    labelled = {"metadata": {"labels": {"a": "b"}}}
    same = api.send("PATCH", f"{path}/d", labelled, MERGE_PATCH).json
    assert same["metadata"]["generation"] == 1
    paused = api.send("PATCH", f"{path}/d", {"spec": {"paused": True}}, MERGE_PATCH).json
    assert paused["metadata"]["generation"] == 2


def test_a_scale_is_read_and_written(api: Api, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    api.make(path, deployment("d") | {"spec": deployment("d")["spec"] | {"paused": True}})
    scale = api.read(f"{path}/d/scale")
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["spec"] == {}
    # Unconditional: the controller may have written the Deployment meanwhile.
    del scale["metadata"]["resourceVersion"]
    written = api.send("PUT", f"{path}/d/scale", scale | {"spec": {"replicas": 1}})
    assert (written.status, written.json["spec"]) == (200, {"replicas": 1})
    assert api.read(f"{path}/d")["spec"]["replicas"] == 1


def test_tokens_of_service_accounts_are_issued(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    api.make(path, {"metadata": {"name": "robot"}})
    answer = api.send("POST", f"{path}/robot/token", {"spec": {"expirationSeconds": 600}})
    assert answer.status == 201
    review = {"spec": {"token": answer.json["status"]["token"]}}
    reviewed = api.make("/apis/authentication.k8s.io/v1/tokenreviews", review)["status"]
    assert reviewed["authenticated"]
    assert reviewed["user"]["username"] == f"system:serviceaccount:{namespace}:robot"


def test_there_are_no_others(api: Api, configmaps: str) -> None:
    api.make(configmaps, {"metadata": {"name": "a"}})
    assert api.get(f"{configmaps}/a/status").status == 404
