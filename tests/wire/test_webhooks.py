"""Webhooks that misbehave, and the writes of others that they see."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.client.webhook_server import http
from tests.waiting import eventually
from tests.wire.conftest import Api
from tests.wire.hooked import answering, config_map, hooked, patching

_FAILED = 'Internal error occurred: failed calling webhook "hook.example.com": '
_BODY = "unexpected error when reading response body. Please retry. Original error: "


BROKEN = {
    "closes": (b"", 'failed to call webhook: Post "URL": EOF'),
    "garbage": (http(b"nonsense"), "failed to call webhook: couldn't get version/kind"),
    "another uid": (answering(uid="x"), "received invalid webhook response: expected response.uid"),
    "redirect": (
        http(b"", "307 Temporary Redirect", Location="https://127.0.0.1:1/"),
        "failed to call webhook: the server responded with the status code 307 but did not return "
        "more information",
    ),
    "much": (
        http(b"{" * 1000, Content_Length="100000000"),
        f"failed to call webhook: {_BODY}unexpected EOF",
    ),
    "too much": (
        http(b" " * 9_000_000, Content_Length="100000000"),
        f"failed to call webhook: {_BODY}more than 8388608 bytes",
    ),
    "deeply nested": (
        http(b'{"response": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
        "failed to call webhook: couldn't get version/kind; json parse error: exceeded max depth",
    ),
}


async def test_webhooks_that_do_not_answer_properly(api: Api, namespace: str) -> None:
    async with hooked(api, namespace) as place:
        for case, (answer, message) in BROKEN.items():
            place.webhook.answer = answer
            place.webhook.closes = True
            refused = await place.create(config_map("a"))
            shown = refused.json["message"].replace(
                f"https://127.0.0.1:{place.webhook.port}/hook?timeout=10s", "URL"
            )
            assert refused.status == 500, case
            assert shown.startswith(_FAILED + message), case
    assert (await api.get(f"{place.path}/configmaps/a")).status == 404


async def test_nobody_else_waits_for_a_webhook_that_hangs(api: Api, namespace: str) -> None:
    async with hooked(api, namespace, timeoutSeconds=30) as place:
        place.webhook.answer = None
        hanging = [asyncio.create_task(place.create(config_map(f"a{n}"))) for n in range(20)]
        await eventually(lambda: len(place.webhook.requests) == len(hanging))
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
        assert (await place.create(secret)).status == 201
        timed_out = await place.create(config_map("b"), "?timeout=200ms")
        assert timed_out.status == 504
        assert not any(each.done() for each in hanging)
        for each in hanging:
            each.cancel()
        await asyncio.wait(hanging)


async def test_a_webhook_that_hangs_is_called_for_as_long_as_it_is_configured(
    api: Api, namespace: str
) -> None:
    async with hooked(api, namespace, timeoutSeconds=1) as place:
        place.webhook.answer = None
        refused = await place.create(config_map("a"))
        assert refused.status == 500
        assert refused.json["message"].endswith('/hook?timeout=1s": context deadline exceeded')
        await eventually(lambda: all(writer.is_closing() for writer in place.webhook.open))
    assert (await api.get(f"{place.path}/configmaps")).json["items"] == []


async def test_an_object_that_a_webhook_makes_invalid_is_not_stored(
    api: Api, namespace: str
) -> None:
    async with hooked(api, namespace, "Mutating") as place:
        place.webhook.answer = patching({"op": "add", "path": "/data", "value": {"a b": "c"}})
        refused = await place.create(config_map("a"))
        assert refused.status == 422
        assert refused.json["details"]["causes"][0]["field"] == "data[a b]"
        change = {"op": "replace", "path": "/metadata/namespace", "value": "default"}
        place.webhook.answer = patching(change)
        refused = await place.create(config_map("a"))
        assert (refused.status, refused.json["reason"]) == (400, "BadRequest")
        assert "does not match the namespace sent on the request" in refused.json["message"]
        place.webhook.answer = patching(
            {"op": "replace", "path": "/metadata/managedFields", "value": [{"operation": "x"}]}
        )
        created = await place.create(config_map("b", data={"a": "b"}))
        assert created.status == 201
        assert created.json["metadata"]["managedFields"][0]["manager"] == "wire"
        assert "managedFields was in an invalid state" in created.headers["Warning"]
    assert (await api.get(f"{place.path}/configmaps/a")).status == 404


async def test_a_webhook_may_rename_what_is_created_and_nothing_else(
    api: Api, namespace: str
) -> None:
    async with hooked(api, namespace, "Mutating") as place:
        rename = {"op": "replace", "path": "/metadata/name", "value": "other"}
        place.webhook.answer = patching(rename)
        created = await place.create(config_map("a"))
        assert (created.status, created.json["metadata"]["name"]) == (201, "other")
        assert (await api.get(f"{place.path}/configmaps/other")).status == 200
        assert (await api.get(f"{place.path}/configmaps/a")).status == 404
        again = await place.create(config_map("b"))
        assert (again.status, again.json["details"]["name"]) == (409, "other")
        place.webhook.answer = patching({**rename, "value": "third"})
        changed = await api.send(
            "PUT", f"{place.path}/configmaps/other", config_map("other", data={"a": "b"})
        )
        assert changed.status == 422
        assert changed.json["details"]["causes"][0]["field"] == "metadata.name"


async def test_an_eviction_is_asked_about_and_the_deletion_by_it_is_not(
    api: Api, namespace: str
) -> None:
    async with hooked(api, namespace, resources=("*/*",)) as place:
        containers = [{"name": "c", "image": "i"}]
        pod = {**config_map("p", spec={"containers": containers}), "kind": "Pod"}
        assert (await place.create(pod)).status == 201
        place.webhook.requests.clear()
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": "p", "namespace": namespace},
        }
        evicted = await api.post(f"{place.path}/pods/p/eviction", eviction)
        assert evicted.status == 201, evicted.text
        ((operation, kind, sub),) = [
            (each["operation"], each["kind"]["kind"], each["subResource"]) for each in place.seen
        ]
        assert (operation, kind, sub) == ("CREATE", "Eviction", "eviction")


@pytest.mark.parametrize("sort", ["Validating", "Mutating"])
async def test_deletions_are_asked_about(api: Api, namespace: str, sort: str) -> None:
    async with hooked(api, namespace, sort) as place:
        await place.create(config_map("a"))
        place.webhook.requests.clear()
        place.webhook.answer = answering(allowed=False, status={"message": "keep it", "code": 403})
        for path in ("/configmaps/a", "/configmaps"):
            refused = await api.send("DELETE", place.path + path)
            assert refused.status == 403
            assert refused.json["message"].endswith("denied the request: keep it")
        by_name, of_all = place.seen
        assert (by_name["name"], "name" in of_all) == ("a", False)
        assert by_name["object"] is of_all["object"] is None
        assert by_name["oldObject"] == of_all["oldObject"]


async def test_what_is_done_to_objects_without_storing_anything_is_asked_about(
    api: Api, namespace: str
) -> None:
    group = "/apis/authorization.k8s.io/v1"
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    attributes = {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": namespace}}
    async with hooked(api, namespace, resources=("*/*",)) as place:
        requests: dict[str, tuple[str, dict[str, Any]]] = {
            "TokenRequest": (f"{account}/token", {"apiVersion": "authentication.k8s.io/v1"}),
            "LocalSubjectAccessReview": (
                f"{group}/namespaces/{namespace}/localsubjectaccessreviews",
                {"spec": {**attributes, "user": "u"}},
            ),
        }
        for kind, (path, body) in requests.items():
            place.webhook.requests.clear()
            answer = await api.post(path, {"kind": kind, **body})
            assert answer.status == 201, answer.text
            (asked,) = place.seen
            assert (asked["kind"]["kind"], asked["operation"]) == (kind, "CREATE")
            assert asked["object"]["kind"] == kind


@pytest.mark.parametrize(
    ("method", "path", "kind", "options"),
    [
        ("GET", "services/s/proxy/a/b/", "ServiceProxyOptions", {"path": "/a/b/"}),
        ("POST", "pods/p/proxy", "PodProxyOptions", {}),
        ("POST", "pods/p/portforward?ports=80&ports=81", "PodPortForwardOptions", None),
        ("POST", "pods/p/attach?stdin=true&tty=0", "PodAttachOptions", {"stdin": True}),
    ],
)
async def test_connections_are_asked_about(
    api: Api, namespace: str, method: str, path: str, kind: str, options: Any
) -> None:
    async with hooked(api, namespace, resources=("*/*",)) as place:
        place.webhook.answer = answering(allowed=False)
        refused = await api.send(method, f"{place.path}/{path}")
        assert refused.status == 400
        assert refused.json["message"].endswith("denied the request without explanation")
        (asked,) = place.seen
        assert (asked["operation"], asked["kind"]["kind"]) == ("CONNECT", kind)
        shown = {key: asked["object"][key] for key in asked["object"].keys() - {"kind"}}
        assert shown.pop("apiVersion") == "v1"
        assert shown == ({"ports": [80, 81]} if options is None else options)


async def test_a_webhook_may_change_what_is_run_in_a_pod(api: Api, namespace: str) -> None:
    async with hooked(api, namespace, "Mutating", resources=("*/*",)) as place:
        containers = [{"name": name, "image": "i"} for name in "ab"]
        pod = {**config_map("p", spec={"containers": containers}), "kind": "Pod"}
        assert (await place.create(pod)).status == 201
        place.webhook.answer = patching({"op": "add", "path": "/container", "value": "c"})
        refused = await api.post(f"{place.path}/pods/p/exec?command=ls&container=a", None)
        assert refused.json["message"] == "container c is not valid for pod p"


async def test_large_objects_are_changed_too(api: Api, namespace: str) -> None:
    async with hooked(api, namespace, "Mutating") as place:
        place.webhook.answer = patching({"op": "add", "path": "/data/more", "value": "y" * 99_999})
        created = await place.create(config_map("a", data={"much": "x" * 500_000}))
        assert created.status == 201
        assert {key: len(value) for key, value in created.json["data"].items()} == {
            "much": 500_000,
            "more": 99_999,
        }


async def test_a_custom_object_is_seen_in_the_version_that_a_rule_names(
    api: Api, namespace: str
) -> None:
    group = f"{namespace}.example.com"
    properties = {"size": {"type": "integer"}, "colour": {"type": "string", "default": "red"}}
    spec = {"type": "object", "properties": properties}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"cups.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "cups", "kind": "Cup"},
            "versions": [
                {"name": name, "served": True, "storage": name == "v2", "schema": schema}
                for name in ("v1", "v2")
            ],
        },
    }
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert (await api.post(definitions, definition)).status == 201
    cups = f"/apis/{group}/v2/namespaces/{namespace}/cups"
    rules = [
        {"apiGroups": [each], "apiVersions": ["v1"], "operations": ["*"], "resources": ["*"]}
        for each in ("", group)
    ]

    async def is_served() -> bool:
        return (await api.get(cups)).status == 200

    await eventually(is_served)
    async with hooked(api, namespace, "Mutating", rules=rules) as place:
        place.webhook.answer = patching(
            {"op": "replace", "path": "/spec", "value": {"size": 2, "unknown": 1}}
        )
        cup = {"apiVersion": f"{group}/v2", "kind": "Cup", "metadata": {"name": "a"}}
        created = await api.post(cups, {**cup, "spec": {"size": 1}})
        assert created.status == 201, created.text
        assert created.json["apiVersion"] == f"{group}/v2"
        assert created.json["spec"] == {"size": 2, "colour": "red"}
        (asked,) = place.seen
        assert (asked["kind"]["version"], asked["requestKind"]["version"]) == ("v1", "v2")
        assert asked["object"]["apiVersion"] == f"{group}/v1"
        assert asked["object"]["spec"] == {"size": 1, "colour": "red"}
    assert (await api.send("DELETE", f"{definitions}/cups.{group}")).status == 200


async def test_an_event_is_seen_in_the_group_that_a_rule_names(api: Api, namespace: str) -> None:
    rules = [
        {"apiGroups": [each], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [name]}
        for each, name in (("", "configmaps"), ("events.k8s.io", "events"))
    ]
    async with hooked(api, namespace, rules=rules) as place:
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "e"},
            "involvedObject": {"kind": "Pod", "name": "p", "namespace": namespace},
            "message": "hello",
        }
        assert (await place.create(event)).status == 201
        (asked,) = place.seen
        assert (asked["kind"]["group"], asked["requestKind"]["group"]) == ("events.k8s.io", "")
        assert asked["object"]["note"] == "hello"


async def test_the_options_are_those_of_the_request(api: Api, namespace: str) -> None:
    async with hooked(api, namespace) as place:
        await place.create(config_map("a"), "?fieldManager=me&fieldValidation=Warn")
        applied = await api.send(
            "PATCH",
            f"{place.path}/configmaps/a?fieldManager=me&force=true",
            config_map("a", data={"a": "b"}),
            {"Content-Type": "application/apply-patch+yaml"},
        )
        assert applied.status == 200, applied.text
        created, changed = [each["options"] for each in place.seen]
        version = {"apiVersion": "meta.k8s.io/v1", "fieldManager": "me"}
        assert created == {"kind": "CreateOptions", **version, "fieldValidation": "Warn"}
        assert changed == {"kind": "UpdateOptions", **version}
