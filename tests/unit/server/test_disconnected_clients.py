"""What becomes of a request whose client disconnects while it waits."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import pytest

from apiserver.access.audit.audit_event import AuditRecord
from apiserver.access.audit.audit_log import AuditLog
from apiserver.access.flowcontrol.flow_control import FlowControl
from apiserver.endpoints.http_connection import HTTPConnection
from tests.unit.client.webhook_server import make_certificate, running_webhook
from tests.unit.server.in_process import server_in_process
from tests.waiting import eventually

MAPS = "/api/v1/namespaces/default/configmaps"
CERTIFICATE = make_certificate("127.0.0.1")


async def test_the_call_of_the_webhook_is_cancelled(tmp_path: Path) -> None:
    async with (
        running_webhook(CERTIFICATE, None) as webhook,
        server_in_process(tmp_path, "--disable-admission-plugins=ServiceAccount") as server,
    ):
        config = {
            "metadata": {"name": "c"},
            "webhooks": [
                {
                    "name": "a.example.com",
                    "clientConfig": {
                        "url": f"https://127.0.0.1:{webhook.port}/",
                        "caBundle": b64encode(CERTIFICATE.pem.encode()).decode(),
                    },
                    "rules": [
                        {
                            "operations": ["CREATE"],
                            "apiGroups": [""],
                            "apiVersions": ["v1"],
                            "resources": ["configmaps"],
                        }
                    ],
                    "sideEffects": "None",
                    "failurePolicy": "Ignore",
                    "admissionReviewVersions": ["v1"],
                }
            ],
        }
        path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
        assert (await server.ask("POST", path, config)).status == 201
        document = {"metadata": {"name": "m"}}
        asking = asyncio.create_task(server.ask("POST", MAPS, document))
        await eventually(lambda: bool(webhook.requests))
        asking.cancel()
        await eventually(
            lambda: all(task is not None and task.done() for task in webhook.open.values())
        )
        assert (await server.ask("GET", f"{MAPS}/m")).status == 404


async def test_a_write_that_waits_for_a_seat_leaves_the_queue(tmp_path: Path) -> None:
    async with server_in_process(tmp_path) as server:
        control = next(
            each for each in server.server.metrics.parts if isinstance(each, FlowControl)
        )
        level = control._levels["global-default"]
        for _ in range(level.limit):
            await level.enter(("test", ""), 1)
        headers = {"Impersonate-User": "jane", "Impersonate-Group": "system:authenticated"}
        request = server.session.post(server.url + MAPS, json={}, headers=headers)
        asking = asyncio.ensure_future(request)
        await eventually(lambda: level.waiting)
        asking.cancel()
        await eventually(lambda: not level.waiting)


@pytest.mark.parametrize("upgrade", [False, True])
async def test_a_watch_ends_whose_client_leaves_while_its_start_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upgrade: bool
) -> None:
    recording, left, stored = asyncio.Event(), asyncio.Event(), []

    async def deliver(_: AuditLog, records: Sequence[AuditRecord]) -> int:
        stages = [str(record.fields["stage"]) for record in records]
        if "ResponseStarted" in stages:
            recording.set()
            await left.wait()
        stored.extend(stages)
        return 0

    def connection_lost(connection: HTTPConnection, error: BaseException | None) -> None:
        lost(connection, error)
        left.set()

    lost = HTTPConnection.connection_lost
    monkeypatch.setattr(AuditLog, "deliver", deliver)
    monkeypatch.setattr(HTTPConnection, "connection_lost", connection_lost)
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata, verbs: [watch]}]"
    )
    flags = f"--audit-policy-file={policy}", f"--audit-log-path={tmp_path / 'log'}"
    async with server_in_process(tmp_path, *flags) as server:
        url = f"{server.url}{MAPS}?watch=1"
        async with server.session.ws_connect(url) if upgrade else server.session.get(url):
            await recording.wait()
        await eventually(lambda: stored[-1:] == ["ResponseComplete"])
        assert len(server.server.router.streams) == 0
