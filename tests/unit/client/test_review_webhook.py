"""Reviews over HTTP: requests, and which responses are valid."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from apiserver.client.kubeconfig_file import KubeconfigConnection
from apiserver.client.review_webhook import ReviewWebhook
from apiserver.client.webhook import Credentials, WebhookClientConfig
from apiserver.client.webhook_responses import WebhookError
from tests.unit.client.webhook_server import Webhook, http, make_certificate, running_webhook

CERTIFICATE = make_certificate("127.0.0.1")


@asynccontextmanager
async def reviewing(
    answer: bytes | None, timeout: float = 60
) -> AsyncIterator[tuple[Webhook, ReviewWebhook]]:
    async with running_webhook(CERTIFICATE, answer) as webhook:
        client = review_client(webhook.port, timeout)
        yield webhook, client
        await client.close()


def review_client(port: int, timeout: float = 60, scheme: str = "https") -> ReviewWebhook:
    url = f"{scheme}://127.0.0.1:{port}/authorize"
    config = WebhookClientConfig(url=url, ca_bundle=CERTIFICATE.pem)
    return ReviewWebhook(
        KubeconfigConnection(config, Credentials("Bearer me")),
        "TokenReview",
        "authentication.k8s.io",
        ("v1", "v1beta1"),
        timeout=timeout,
        first_pause=0.001,
    )


def answer(document: Any) -> bytes:
    return http(json.dumps(document).encode())


REVIEW = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1"}


async def test_a_review_is_sent_as_kubernetes_does() -> None:
    said = answer({**REVIEW, "status": {"authenticated": True}})
    async with reviewing(said) as (webhook, client):
        assert await client.review({"token": "t"}, {"user": {}}) == {"authenticated": True}
    ((line, headers, body),) = webhook.requests
    assert line == "POST /authorize?timeout=60s HTTP/1.1"
    assert headers["authorization"] == "Bearer me"
    assert body == (
        b'{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{},'
        b'"spec":{"token":"t"},"status":{"user":{}}}'
    )


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (http(b"nonsense"), "couldn't get version/kind; json parse error"),
        (http(b"[]"), "couldn't get version/kind"),
        (answer({"kind": "Pod", "apiVersion": "v1"}), 'no kind "Pod" is registered'),
        (answer({**REVIEW, "status": []}), "not an object"),
        (http(b"", "404 Not Found"), "could not find the requested resource"),
        (http(b"x" * (2 << 20)), "unexpected error when reading response body"),
    ],
)
async def test_answers_that_do_not_count(said: bytes, error: str) -> None:
    async with reviewing(said) as (webhook, client):
        with pytest.raises(WebhookError, match=error):
            await client.review({}, {})
        assert len(webhook.requests) == 1


async def test_a_webhook_that_hangs_is_given_up() -> None:
    async with reviewing(None, timeout=0.05) as (_, client):
        with pytest.raises(WebhookError, match="context deadline exceeded"):
            await client.review({}, {})


@pytest.mark.parametrize(
    ("said", "calls"),
    [
        (http(b"", "429 Too Many Requests"), 5),
        (http(b"", "500 Internal Server Error"), 5),
        (http(b"", "502 Bad Gateway"), 1),
        (http(b"", "503 Service Unavailable"), 1),
        (http(b"", "504 Gateway Timeout"), 5),
        # Each call is repeated ten times, as the webhook asks for it.
        (http(b"", "503 Service Unavailable", Retry_After="0"), 55),
    ],
)
async def test_a_call_is_repeated_after_a_transient_failure(said: bytes, calls: int) -> None:
    async with reviewing(said) as (webhook, client):
        with pytest.raises(WebhookError):
            await client.review({}, {})
        assert len(webhook.requests) == calls


async def test_a_call_is_repeated_after_the_connection_was_reset() -> None:
    resets = 0

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal resets
        resets += 1
        await reader.readuntil(b"\r\n\r\n")
        # Closed like this, a connection is reset.
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.close()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    async with server:
        client = review_client(server.sockets[0].getsockname()[1], scheme="http")
        with pytest.raises(WebhookError, match="connection reset by peer"):
            await client.review({}, {})
        await client.close()
    assert resets == 5
