"""Calls to webhooks: requests, TLS trust, and error messages."""

from __future__ import annotations

import asyncio
import json
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from apiserver.client.webhook import (
    Credentials,
    WebhookClient,
    WebhookClientConfig,
    WebhookConfigError,
)
from apiserver.client.webhook_responses import WebhookError
from tests.unit.client.webhook_server import http, make_certificate, running_webhook

R = TypeVar("R")

LOCAL = make_certificate("127.0.0.1")
SERVICE = make_certificate("hook.tests.svc")
NOBODY = make_certificate()
#: Seconds: nothing that is expected here takes so long.
LONG = 60
_SHUT = "unexpected error when reading response body. Please retry. Original error: "


class Services:
    """Resolves every Service to one address, or fails."""

    def __init__(self) -> None:
        self.address: tuple[str, int] | None = None

    async def resolve(self, namespace: str, name: str, port: int) -> tuple[str, int]:
        if self.address is None:
            raise OSError(f'service "{name}" not found')
        return self.address


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
async def client(services: Services) -> AsyncIterator[WebhookClient]:
    client = WebhookClient(services)
    yield client
    await client.close()


def at(port: int, path: str = "/x", ca: str = LOCAL.pem) -> WebhookClientConfig:
    return WebhookClientConfig(url=f"https://127.0.0.1:{port}{path}", ca_bundle=ca)


async def failure(client: WebhookClient, config: WebhookClientConfig, **options: Any) -> str:
    options = {"timeout": LONG, **options}
    with pytest.raises(WebhookError) as caught:
        await client.post(config, b"{}", **options)
    return str(caught.value).replace(config.url or "no URL", "URL")


async def test_a_document_is_posted_and_the_connection_kept(client: WebhookClient) -> None:
    async with running_webhook(LOCAL, http(b'{"a": 1}')) as webhook:
        for _ in range(3):
            assert await client.post(at(webhook.port), b"{}", timeout=LONG - 0.5) == b'{"a": 1}'
    line, headers, body = webhook.requests[0]
    assert line == "POST /x?timeout=60s HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "kube-apiserver-admission"
    assert body == b"{}"
    assert webhook.connections == 1


@pytest.mark.parametrize(
    ("path", "sent"),
    [("", "/"), ("/", "/"), ("/a/", "/a"), ("/a/../b", "/b"), ("/a%20b", "/a%20b")],
)
async def test_paths_are_cleaned(client: WebhookClient, path: str, sent: str) -> None:
    async with running_webhook(LOCAL, http(b"{}")) as webhook:
        await client.post(at(webhook.port, path), b"{}", timeout=LONG)
    assert webhook.requests[0][0] == f"POST {sent}?timeout=60s HTTP/1.1"


async def test_a_service_is_called_under_its_own_name(
    client: WebhookClient, services: Services
) -> None:
    document = {
        "service": {"namespace": "tests", "name": "hook", "path": "/x"},
        "caBundle": b64encode(SERVICE.pem.encode()).decode(),
    }
    config = WebhookClientConfig.of(document)
    wanted = 'Post "https://hook.tests.svc:443/x?timeout=60s": service "hook" not found'
    assert await failure(client, config) == wanted
    async with running_webhook(SERVICE, http(b"{}")) as webhook:
        services.address = "127.0.0.1", webhook.port
        await client.post(config, b"{}", timeout=LONG)
    assert webhook.names == ["hook.tests.svc"]
    assert webhook.requests[0][1]["host"] == "hook.tests.svc:443"


async def test_credentials_are_those_of_the_address(services: Services) -> None:
    asked = []

    def credentials(address: str) -> Credentials:
        asked.append(address)
        return Credentials(authorization="Bearer secret", server_name="hook.tests.svc")

    client = WebhookClient(services, credentials)
    async with running_webhook(SERVICE, http(b"{}")) as webhook:
        await client.post(at(webhook.port, ca=SERVICE.pem), b"{}", timeout=LONG)
        await client.close()
    assert asked == [f"127.0.0.1:{webhook.port}"]
    assert webhook.requests[0][1]["authorization"] == "Bearer secret"


RESPONSES = {
    "redirect": (
        http(b"", "302 Found", Location="https://127.0.0.1:1/"),
        "the server responded with the status code 302 but did not return more information",
    ),
    "error": (
        http(b"boom", "500 Internal Server Error"),
        'an error on the server ("unknown") has prevented the request from succeeding',
    ),
    "error in plain text": (
        http(b" boom\n", "500 Internal Server Error", Content_Type="text/plain"),
        'an error on the server ("boom") has prevented the request from succeeding',
    ),
    "forbidden": (http(b"go away", "403 Forbidden", Content_Type="text/plain"), "go away"),
    "not found": (
        http(b"<html>", "404 Not Found", Content_Type="text/html"),
        "the server could not find the requested resource",
    ),
    "status": (
        http(b'{"kind": "Status", "status": "Failure", "message": "no"}', "404 Not Found"),
        "no",
    ),
    "other object": (
        http(b'{"kind": "Pod", "status": "Failure", "message": "no"}', "404 Not Found"),
        "the server could not find the requested resource",
    ),
    "empty": (
        http(b""),
        "0-length response with status code: 200 and content type: application/json",
    ),
    "text": (http(b"{}", Content_Type="text/html"), "serializer for text/html doesn't exist"),
    "cut": (http(b"{}", Content_Length="100"), _SHUT + "unexpected EOF"),
    "closed": (b"", 'Post "URL?timeout=60s": EOF'),
}


@pytest.mark.parametrize("case", RESPONSES)
async def test_responses_that_are_errors(client: WebhookClient, case: str) -> None:
    answer, message = RESPONSES[case]
    async with running_webhook(LOCAL, answer, closes=True) as webhook:
        assert await failure(client, at(webhook.port)) == message


async def test_a_request_is_repeated_when_the_webhook_asks_for_it(client: WebhookClient) -> None:
    busy = http(b"", "503 Service Unavailable", Retry_After="0")
    async with running_webhook(LOCAL, busy) as webhook:
        message = await failure(client, at(webhook.port))
    assert message == "the server is currently unable to handle the request"
    assert len(webhook.requests) == 11


async def test_errors_are_decoded_where_their_size_says(services: Services) -> None:
    sizes = []

    async def offload(size: int, work: Callable[[], R]) -> R:
        sizes.append(size)
        return work()

    said = json.dumps({"status": "Failure", "message": "x" * 100_000}).encode()
    client = WebhookClient(services, offload=offload)
    async with running_webhook(LOCAL, http(said, "400 Bad Request")) as webhook:
        assert await failure(client, at(webhook.port)) == "x" * 100_000
    await client.close()
    assert sizes == [len(said)]


async def test_a_response_that_is_too_large_is_not_read(client: WebhookClient) -> None:
    async with running_webhook(LOCAL, http(b"x" * 1000, Content_Length="100000000")) as webhook:
        message = await failure(client, at(webhook.port), max_bytes=500)
        assert message == _SHUT + "more than 500 bytes"
        webhook.answer = http(b"{}")
        await client.post(at(webhook.port), b"{}", timeout=LONG)
    assert webhook.connections == 2


async def test_slow_webhooks_are_not_waited_for(client: WebhookClient) -> None:
    async with running_webhook(LOCAL, None) as webhook:
        message = await failure(client, at(webhook.port), timeout=0.05)
        assert message == 'Post "URL?timeout=1s": context deadline exceeded'
        webhook.answer = http(b"{", Content_Length="2")
        # If not even the head of the response comes in time, it needs more.
        seconds, message = 0.05, ""
        while not message.startswith(_SHUT):
            message = await failure(client, at(webhook.port), timeout=seconds)
            seconds *= 2
        assert message == _SHUT + "context deadline exceeded"
        webhook.answer = http(b"", "429 Too Many Requests", Retry_After="60")
        message = await failure(client, at(webhook.port), timeout=0.05)
        assert message == 'Post "URL?timeout=1s": context deadline exceeded'


async def test_a_call_that_is_cancelled_leaves_nothing_behind(client: WebhookClient) -> None:
    before = asyncio.all_tasks()
    async with running_webhook(LOCAL, None) as webhook:
        call = asyncio.ensure_future(client.post(at(webhook.port), b"{}", timeout=LONG))
        while not webhook.requests:
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
        await client.close()
        assert call.cancelled()
    assert asyncio.all_tasks() <= before


CERTIFICATES = {
    "another authority": (LOCAL, NOBODY, "certificate signed by unknown authority"),
    "a name instead of an address": (
        SERVICE,
        SERVICE,
        "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs",
    ),
    "another address": (
        make_certificate("10.0.0.1", "::1"),
        NOBODY,
        "certificate is valid for 10.0.0.1, ::1, not 127.0.0.1",
    ),
    "no name": (
        NOBODY,
        NOBODY,
        "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs",
    ),
    "expired": (
        expired := make_certificate("127.0.0.1", valid=(-9, -8)),
        expired,
        "certificate has expired or is not yet valid: current time ",
    ),
}


@pytest.mark.parametrize("case", CERTIFICATES)
async def test_certificates_that_are_refused(client: WebhookClient, case: str) -> None:
    certificate, trusted, why = CERTIFICATES[case]
    async with running_webhook(certificate, http(b"{}")) as webhook:
        message = await failure(client, at(webhook.port, ca=trusted.pem))
    start = 'Post "URL?timeout=60s": tls: failed to verify certificate: x509: '
    assert message.startswith(start + why)
    assert webhook.requests == []


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        (make_certificate("*.svc", "a.b"), "certificate is valid for *.svc, a.b, not NAME"),
        (NOBODY, "certificate is not valid for any names, but wanted to match NAME"),
        (
            make_certificate(common_name="hook.tests.svc"),
            "certificate relies on legacy Common Name field, use SANs instead",
        ),
    ],
)
async def test_certificates_of_other_services(
    client: WebhookClient, services: Services, certificate: Any, why: str
) -> None:
    config = WebhookClientConfig(namespace="tests", service="hook", ca_bundle=certificate.pem)
    async with running_webhook(certificate, http(b"{}")) as webhook:
        services.address = "127.0.0.1", webhook.port
        message = await failure(client, config)
    assert message.endswith("x509: " + why.replace("NAME", "hook.tests.svc"))


async def test_a_server_without_tls(client: WebhookClient) -> None:
    async with running_webhook(None, http(b"{}")) as webhook:
        message = await failure(client, at(webhook.port))
    assert message == 'Post "URL?timeout=60s": http: server gave HTTP response to HTTPS client'


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example.com"])
async def test_a_host_that_is_no_name(client: WebhookClient, host: str) -> None:
    message = await failure(client, WebhookClientConfig(url=f"https://{host}/"))
    assert message == f'Post "URL?timeout=60s": dial tcp: lookup {host}: no such host'


async def test_nobody_listens(client: WebhookClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    message = await failure(client, at(port))
    assert message.endswith(f": dial tcp 127.0.0.1:{port}: connect: connection refused")
    config = WebhookClientConfig(url="https://nobody.invalid/x")
    message = await failure(client, config)
    assert message.endswith(": dial tcp: lookup nobody.invalid: no such host")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            WebhookClientConfig(url="https://127.0.0.1:1/", ca_bundle="nonsense"),
            "unable to load root certificates: unable to parse bytes as PEM block",
        ),
        (WebhookClientConfig(), "webhook configuration must have either service or URL"),
    ],
)
async def test_configurations_without_a_webhook(
    client: WebhookClient, config: WebhookClientConfig, message: str
) -> None:
    with pytest.raises(WebhookConfigError) as caught:
        await client.post(config, b"{}", timeout=LONG)
    assert str(caught.value) == message
