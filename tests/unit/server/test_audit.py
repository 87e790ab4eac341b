"""Audit of a running server: the events of every sort of request, in its log."""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from apiserver.access.audit import auditor
from apiserver.access.configuration_files import ConfigurationError
from tests.unit.client.webhook_server import http, make_certificate, running_webhook
from tests.unit.server.in_process import InProcess, server_in_process
from tests.waiting import eventually

MAPS = "/api/v1/namespaces/default/configmaps"
SECRETS = "/api/v1/namespaces/default/secrets"
CERTIFICATE = make_certificate("127.0.0.1")
ALL = """\
- level: Metadata
  resources: [{group: "", resources: [secrets]}]
- level: RequestResponse
"""


class Audited:
    """A server and its audit log."""

    def __init__(self, server: InProcess, log: Path) -> None:
        self.server = server
        self.log = log
        self.ask = server.ask

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def last(self) -> dict[str, Any]:
        return self.events()[-1]

    async def send(self, method: str, path: str, **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = self.server.url + path
        async with self.server.session.request(method, url, headers=named) as response:
            await response.read()
            return response.status


@asynccontextmanager
async def auditing(
    folder: Path, rules: str = ALL, *flags: str, omit: str = "[RequestReceived]"
) -> AsyncIterator[Audited]:
    policy, log = folder / "policy.yaml", folder / "audit.log"
    policy.write_text(
        f"apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: {omit}\nrules:\n{rules}"
    )
    given = [f"--audit-policy-file={policy}", f"--audit-log-path={log}", *flags]
    async with server_in_process(folder, *given) as server:
        yield Audited(server, log)


@pytest.fixture
async def audited(tmp_path: Path) -> AsyncIterator[Audited]:
    async with auditing(tmp_path) as made:
        yield made


async def test_writes_have_their_objects(audited: Audited) -> None:
    document = {"metadata": {"name": "m"}, "data": {"a": "1"}}
    created = (await audited.ask("POST", f"{MAPS}?fieldManager=t", document)).body
    event = audited.last()
    assert (event["stage"], event["level"]) == ("ResponseComplete", "RequestResponse")
    assert (event["verb"], event["requestURI"]) == ("create", f"{MAPS}?fieldManager=t")
    assert event["user"] == {
        "username": "admin", "uid": "1", "groups": ["system:masters", "system:authenticated"],
    }  # fmt: skip
    assert event["objectRef"] == {
        "resource": "configmaps", "namespace": "default", "name": "m", "apiVersion": "v1",
    }  # fmt: skip
    assert event["requestObject"]["data"] == {"a": "1"}
    assert event["requestObject"]["kind"] == "ConfigMap"
    assert event["responseObject"] == created
    assert event["responseStatus"] == {"metadata": {}, "code": 201}
    assert event["sourceIPs"] == ["127.0.0.1"]
    assert set(event["annotations"]) == {
        "authorization.k8s.io/decision",
        "authorization.k8s.io/reason",
    }

    await audited.ask("PUT", f"{MAPS}/m", created)
    reference = audited.last()["objectRef"]
    assert reference["uid"] == created["metadata"]["uid"]
    assert reference["resourceVersion"] == created["metadata"]["resourceVersion"]

    patch = [{"op": "add", "path": "/data/b", "value": "2"}]
    data = json.dumps(patch).encode()
    await audited.ask("PATCH", f"{MAPS}/m", data, "application/json-patch+json")
    assert audited.last()["requestObject"] == patch
    apply = b"apiVersion: v1\nkind: ConfigMap\ndata: {c: '3'}\n"
    path = f"{MAPS}/n?fieldManager=f"
    await audited.ask("PATCH", path, apply, "application/apply-patch+yaml")
    assert audited.last()["requestObject"]["data"] == {"c": "3"}
    assert audited.last()["verb"] == "patch"

    await audited.ask("DELETE", f"{MAPS}/m", {"propagationPolicy": "Background"})
    event = audited.last()
    assert event["requestObject"] == {
        "kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1", "propagationPolicy": "Background",
    }  # fmt: skip
    assert event["responseStatus"]["status"] == "Success"
    assert event["responseStatus"]["details"]["uid"] == created["metadata"]["uid"]
    await audited.ask("DELETE", f"{MAPS}?labelSelector=a%3Db")
    event = audited.last()
    assert (event["verb"], "name" in event["objectRef"]) == ("deletecollection", False)
    assert event["responseObject"]["kind"] == "ConfigMapList"


async def test_reads_have_what_is_sent(audited: Audited) -> None:
    await audited.ask("POST", MAPS, {"metadata": {"name": "m"}, "data": {"a": "x" * 400_000}})
    for path, kind in (
        (f"{MAPS}/m", "ConfigMap"),
        (f"{MAPS}?fieldSelector=metadata.name%3Dm", "ConfigMapList"),
    ):
        for accept in ("application/json", "application/yaml"):
            headers = {"Accept": accept, "Accept_Encoding": "gzip"}
            assert await audited.send("GET", path, **headers) == 200
            event = audited.last()
            assert event["responseObject"]["kind"] == kind
            assert event["objectRef"]["name"] == "m"
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    await audited.send("GET", MAPS, Accept=table)
    assert audited.last()["responseObject"]["kind"] == "Table"
    assert audited.last()["verb"] == "list"
    await audited.send("GET", "/version")
    event = audited.last()
    assert (event["verb"], event["responseStatus"]["code"]) == ("get", 200)
    assert not {"objectRef", "responseObject"} & set(event)


async def test_of_a_secret_nothing_is_shown_but_what_the_policy_says(audited: Audited) -> None:
    secret = {"metadata": {"name": "s"}, "stringData": {"a": "treasure"}}
    await audited.ask("POST", SECRETS, secret)
    await audited.ask("GET", f"{SECRETS}/s")
    merge = "application/merge-patch+json"
    await audited.ask("PATCH", f"{SECRETS}/s", b'{"stringData":{"b":"treasure"}}', merge)
    await audited.ask("GET", SECRETS)
    assert len(audited.events()) == 4
    text = audited.log.read_text()
    assert "treasure" not in text
    assert "dHJlYXN1cmU" not in text


async def test_failures_have_their_status(audited: Audited) -> None:
    assert (await audited.ask("GET", f"{MAPS}/nope")).status == 404
    status = audited.last()["responseStatus"]
    assert (status["reason"], status["code"]) == ("NotFound", 404)
    assert audited.last()["responseObject"]["kind"] == "Status"
    assert (await audited.ask("POST", MAPS, b"{", "application/json")).status == 400
    assert audited.last()["responseStatus"]["reason"] == "BadRequest"
    assert "requestObject" not in audited.last()
    assert await audited.send("GET", "/nowhere") == 404
    assert audited.last()["responseStatus"] == {"metadata": {}, "code": 404}


async def test_who_is_not_let_in_is_audited_too(tmp_path: Path) -> None:
    async with auditing(tmp_path, ALL, "--authorization-mode=RBAC") as audited:
        assert await audited.send("GET", MAPS, Authorization="Bearer wrong") == 401
        event = audited.last()
        assert (event["stage"], event["user"]) == ("ResponseStarted", {})
        assert event["responseStatus"] == {
            "metadata": {}, "message": "Authentication failed, attempted: bearer", "code": 401,
        }  # fmt: skip
        assert await audited.send("GET", MAPS, Impersonate_User="bob") == 403
        event = audited.last()
        assert event["user"]["username"] == "admin"
        assert event["impersonatedUser"] == {
            "username": "bob", "groups": ["system:authenticated"],
        }  # fmt: skip
        assert event["annotations"]["authorization.k8s.io/decision"] == "forbid"
        assert event["responseStatus"]["reason"] == "Forbidden"


async def test_the_id_of_a_request_is_that_of_its_events(tmp_path: Path) -> None:
    async with auditing(tmp_path, "- level: Metadata\n", omit="[]") as audited:
        answer = await audited.server.get(MAPS, Audit_ID="mine", X_Forwarded_For="10.0.0.1, x, ::1")
        assert answer.headers["Audit-Id"] == "mine"
        events = audited.events()
        assert [event["stage"] for event in events] == ["RequestReceived", "ResponseComplete"]
        assert {event["auditID"] for event in events} == {"mine"}
        assert {tuple(event["sourceIPs"]) for event in events} == {("10.0.0.1", "::1", "127.0.0.1")}
        received = events[0]
        assert received["stageTimestamp"] == received["requestReceivedTimestamp"]
        assert "responseStatus" not in received
        answer = await audited.server.get(MAPS, User_Agent="a" * 2000)
        assert answer.headers["Audit-Id"] == audited.last()["auditID"]
        assert audited.last()["userAgent"] == "a" * 1024 + "...TRUNCATED"


async def test_a_watch_begins_and_ends(tmp_path: Path) -> None:
    async with auditing(tmp_path, "- level: Metadata\n", omit="[]") as audited:
        path = f"{MAPS}?watch=1&timeoutSeconds=3600"
        async with audited.server.session.get(audited.server.url + path) as response:
            assert response.status == 200
            await eventually(lambda: len(audited.events()) == 2)
            assert audited.last()["stage"] == "ResponseStarted"
            assert audited.last()["responseStatus"] == {"metadata": {}, "code": 200}
        await eventually(lambda: len(audited.events()) == 3)
        assert audited.last()["stage"] == "ResponseComplete"
        assert audited.last()["verb"] == "watch"
        assert await audited.send("GET", f"{MAPS}?watch=1&resourceVersion=x") >= 400
        stages = [event["stage"] for event in audited.events()[3:]]
        assert stages == ["RequestReceived", "ResponseStarted", "ResponseComplete"]


async def test_violations_of_pod_security_are_annotated(audited: Audited) -> None:
    labels = {f"pod-security.kubernetes.io/{mode}": level for mode, level in (
        ("enforce", "baseline"), ("audit", "restricted"),
    )}  # fmt: skip
    namespace = {"metadata": {"name": "strict", "labels": labels}}
    assert (await audited.ask("POST", "/api/v1/namespaces", namespace)).status == 201
    account = {"metadata": {"name": "default"}}
    await audited.ask("POST", "/api/v1/namespaces/strict/serviceaccounts", account)
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    answer = await audited.ask("POST", "/api/v1/namespaces/strict/pods", pod)
    assert answer.status == 201, answer.body
    annotations = audited.last()["annotations"]
    assert annotations["pod-security.kubernetes.io/enforce-policy"] == "baseline:latest"
    violations = annotations["pod-security.kubernetes.io/audit-violations"]
    assert violations.startswith('would violate PodSecurity "restricted:latest": ')


async def test_what_the_policy_leaves_out_is_not_recorded(tmp_path: Path) -> None:
    async with auditing(tmp_path, "- {level: Metadata, verbs: [create]}\n") as audited:
        await audited.ask("GET", MAPS)
        await audited.ask("POST", MAPS, {"metadata": {"name": "m"}})
        assert [event["verb"] for event in audited.events()] == ["create"]
        metrics = (await audited.ask("GET", "/metrics")).body.decode()
        assert 'apiserver_audit_level_total{level="None"}' in metrics
        assert "apiserver_audit_event_total 1.0" in metrics


@pytest.mark.parametrize(("mode", "status"), [("blocking", 200), ("blocking-strict", 500)])
async def test_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, status: int
) -> None:
    flag = f"--audit-log-mode={mode}"
    async with auditing(tmp_path, "- level: Metadata\n", flag, omit="[]") as audited:
        assert await audited.send("GET", MAPS) == 200
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", no_space)
            assert await audited.send("GET", MAPS) == status
        assert await audited.send("GET", MAPS) == 200
        text = (await audited.ask("GET", "/metrics")).body.decode()
        assert 'apiserver_audit_error_total{plugin="log"}' in text
        assert f"apiserver_audit_requests_rejected_total {float(status == 500)}" in text


def no_space(descriptor: int, data: bytes) -> int:
    raise OSError(28, "No space left on device")


async def test_what_is_left_is_written_at_the_end(tmp_path: Path) -> None:
    flags = (
        "--audit-log-mode=batch",
        "--audit-log-batch-max-size=100",
        "--audit-log-batch-max-wait=1h",
    )
    async with auditing(tmp_path, "- level: Metadata\n", *flags) as audited:
        await asyncio.gather(*(audited.send("GET", MAPS) for _ in range(20)))
        assert audited.events() == []
    assert len(audited.events()) == 20


def kubeconfig(folder: Path, port: int) -> Path:
    """Write a kubeconfig that leads to a webhook."""
    path = folder / "webhook.kubeconfig"
    authority = b64encode(CERTIFICATE.pem.encode()).decode()
    path.write_text(
        json.dumps({
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{
                "name": "c",
                "cluster": {
                    "server": f"https://127.0.0.1:{port}/events",
                    "certificate-authority-data": authority,
                },
            }],
            "users": [{"name": "u", "user": {"token": "me"}}],
        })
    )  # fmt: skip
    return path


@asynccontextmanager
async def sending(folder: Path, port: int, *flags: str) -> AsyncIterator[InProcess]:
    policy = folder / "policy.yaml"
    policy.write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata, verbs: [list]}]"
    )
    file = f"--audit-webhook-config-file={kubeconfig(folder, port)}"
    async with server_in_process(folder, f"--audit-policy-file={policy}", file, *flags) as server:
        yield server


async def test_a_webhook_gets_lists_of_events(tmp_path: Path) -> None:
    async with running_webhook(CERTIFICATE, http(b"{}")) as webhook:
        async with sending(tmp_path, webhook.port, "--audit-webhook-mode=blocking") as server:
            assert (await server.get(MAPS)).status == 200
            assert webhook.requests[0][1]["authorization"] == "Bearer me"
        items = [each for _, _, body in webhook.requests for each in json.loads(body)["items"]]
        assert [each["stage"] for each in items] == ["RequestReceived", "ResponseComplete"]


async def test_a_webhook_that_hangs_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "_LAST_SECONDS", 0.05)
    batch = "--audit-webhook-batch"
    flags = f"{batch}-buffer-size=3", f"{batch}-max-size=1", f"{batch}-throttle-enable=false"
    async with (
        running_webhook(CERTIFICATE, None) as webhook,
        sending(tmp_path, webhook.port, *flags) as server,
    ):
        for _ in range(10):
            assert (await server.get(MAPS)).status == 200
        await eventually(lambda: webhook.requests)
        text = (await server.ask("GET", "/metrics")).body.decode()
        assert 'apiserver_audit_error_total{plugin="buffered"} 1' in text


@pytest.mark.parametrize(
    ("prepare", "problem"),
    [
        (lambda policy: policy.write_text("rules: ["), "policy.yaml: yaml: "),
        (lambda policy: policy.write_text("kind: Pod"), 'policy.yaml: no kind "Pod"'),
        (lambda policy: policy.unlink(), "No such file"),
    ],
)
async def test_a_policy_that_cannot_be_used(
    tmp_path: Path, prepare: Callable[[Path], object], problem: str
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.touch()
    prepare(policy)
    flags = f"--audit-policy-file={policy}", f"--audit-log-path={tmp_path / 'log'}"
    with pytest.raises((ConfigurationError, OSError), match=problem):
        async with server_in_process(tmp_path, *flags):
            pass


async def test_what_a_webhook_changes_is_annotated(tmp_path: Path) -> None:
    def patched(body: bytes) -> bytes:
        review = json.loads(body)
        patch = b64encode(b'[{"op":"add","path":"/data","value":{"a":"b"}}]').decode()
        review["response"] = {
            "uid": review.pop("request")["uid"], "allowed": True, "patch": patch,
            "patchType": "JSONPatch",
        }  # fmt: skip
        return http(json.dumps(review).encode())

    authority = b64encode(CERTIFICATE.pem.encode()).decode()
    domain = "webhook.admission.k8s.io/round_0_index_0"
    configurations = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    async with running_webhook(CERTIFICATE, patched) as webhook, auditing(tmp_path) as audited:
        hook = {
            "name": "a.example.com",
            "clientConfig": {"url": f"https://127.0.0.1:{webhook.port}/", "caBundle": authority},
            "rules": [{
                "operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"],
                "resources": ["configmaps", "secrets"],
            }],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }  # fmt: skip
        document = {"metadata": {"name": "c"}, "webhooks": [hook]}
        assert (await audited.ask("POST", configurations, document)).status == 201
        for path, keys in ((MAPS, {"mutation", "patch"}), (SECRETS, {"mutation"})):
            await audited.ask("POST", path, {"metadata": {"name": "m"}})
            annotations = audited.last()["annotations"]
            assert {key for key in annotations if domain in key} == {f"{k}.{domain}" for k in keys}
        assert json.loads(annotations[f"mutation.{domain}"])["configuration"] == "c"
