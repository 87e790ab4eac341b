"""A token in a file that is rotated."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiserver.client.bearer_token_file import FRESH_SECONDS, BearerTokenFile
from apiserver.client.webhook import Credentials, WebhookClient, WebhookClientConfig
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.times import Clock
from tests.unit.client.webhook_server import http, make_certificate, running_webhook

CERTIFICATE = make_certificate("127.0.0.1")


class Passing(Clock):
    """A clock that tests put forward."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


class NoServices:
    """No Service has an address."""

    async def resolve(self, namespace: str, name: str, port: int) -> tuple[str, int]:
        raise OSError(name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("old\n")
    return path


def test_the_file_is_read_again_after_a_while(path: Path) -> None:
    clock = Passing()
    file = BearerTokenFile(path, clock)
    path.write_text("new")
    clock.now = FRESH_SECONDS - 1
    assert file.token() == "old"
    clock.now = FRESH_SECONDS
    assert file.token() == "new"


@pytest.mark.parametrize("gone", [False, True])
def test_a_token_is_kept_as_long_as_there_is_no_other(path: Path, *, gone: bool) -> None:
    clock = Passing()
    file = BearerTokenFile(path, clock)
    if gone:
        path.unlink()
    else:
        path.write_text(" \n")
    clock.now = FRESH_SECONDS
    assert file.token() == "old"
    path.write_text("new")
    assert file.token() == "new"


async def test_the_file_is_read_again_after_the_token_was_refused(path: Path) -> None:
    credentials = Credentials(token_file=BearerTokenFile(path, Passing()))
    client = WebhookClient(NoServices(), lambda _: credentials)
    async with running_webhook(CERTIFICATE, http(b"", "401 Unauthorized")) as webhook:
        config = WebhookClientConfig(
            url=f"https://127.0.0.1:{webhook.port}/x", ca_bundle=CERTIFICATE.pem
        )
        path.write_text("new")
        for _ in range(2):
            with pytest.raises(WebhookError):
                await client.post(config, b"{}", timeout=60)
        sent = [headers["authorization"] for _, headers, _ in webhook.requests]
    await client.close()
    assert sent == ["Bearer old", "Bearer new"]
