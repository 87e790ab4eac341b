"""The audit webhook: EventLists, retries, and lost events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from apiserver.access.audit.audit_webhook import AuditWebhook, AuditWebhookOptions
from apiserver.client.kubeconfig_file import KubeconfigConnection
from apiserver.client.webhook import Credentials, WebhookClientConfig
from tests.unit.access.audit.records import record
from tests.unit.client.webhook_server import Webhook, http, make_certificate, running_webhook

CERTIFICATE = make_certificate("127.0.0.1")
OK = http(b"{}")


@asynccontextmanager
async def sending(
    answer: bytes | None, most_event: int = 0, most_batch: int = 0
) -> AsyncIterator[tuple[Webhook, AuditWebhook]]:
    async with running_webhook(CERTIFICATE, answer) as webhook:
        config = WebhookClientConfig(
            url=f"https://127.0.0.1:{webhook.port}/events", ca_bundle=CERTIFICATE.pem
        )
        connection = KubeconfigConnection(config, Credentials("Bearer me"))
        options = AuditWebhookOptions(0.001, most_event, most_batch)
        client = AuditWebhook(connection, options)
        yield webhook, client
        await client.close()


def texts(webhook: Webhook) -> list[list[str]]:
    lists = [json.loads(body) for _, _, body in webhook.requests]
    assert all(each["kind"] == "EventList" for each in lists)
    assert all(each["apiVersion"] == "audit.k8s.io/v1" for each in lists)
    return [[item["annotations"]["text"] for item in each["items"]] for each in lists]


async def test_events_are_sent_as_lists() -> None:
    async with sending(OK) as (webhook, client):
        assert await client.deliver([record("a"), record("b")]) == 0
        assert await client.deliver([record("c")]) == 0
        assert texts(webhook) == [["a", "b"], ["c"]]
        assert webhook.requests[0][1]["authorization"] == "Bearer me"


async def test_large_lists_are_split_and_large_events_are_not_sent() -> None:
    async with sending(OK, most_event=1000, most_batch=1200) as (webhook, client):
        records = [record("a"), record("b" * 2000), record("c"), record("d")]
        assert await client.deliver(records) == 1
        assert texts(webhook) == [["a", "c"], ["d"]]


@pytest.mark.parametrize("status", ["500 Internal Server Error", "400 Bad Request", "302 Found"])
async def test_a_call_is_repeated_after_every_failure(
    status: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with sending(http(b"no", status)) as (webhook, client):
        assert await client.deliver([record("a"), record("b")]) == 2
        assert len(webhook.requests) == 5
    assert "2 audit events were not sent" in caplog.text
