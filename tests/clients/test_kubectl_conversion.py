"""kubectl and a kind whose versions a webhook converts."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import ON_SQLITE, WAITS, PlainKubectl
from tests.clients.https import create_namespace
from tests.server_process import ServerProcess
from tests.waiting import PATIENCE
from tests.wire.conversion_webhook import (
    ConversionWebhook,
    answered,
    serving_conversion,
    widget,
    widget_definition,
)

pytestmark = ON_SQLITE


@pytest.fixture
def kubectl(server: ServerProcess, tmp_path: Path) -> PlainKubectl:
    """Real kubectl, in a namespace of its own, that remembers no kinds of other tests."""
    namespace = f"test-{uuid.uuid4().hex[:8]}"
    create_namespace(server, namespace)
    return PlainKubectl(server.kubeconfig, tmp_path, namespace)


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[ConversionWebhook]:
    """The webhook, in a thread: kubectl is waited for."""
    found: list[ConversionWebhook] = []
    serving, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with serving_conversion(tmp_path) as webhook:
            found.append(webhook)
            serving.set()
            await stop.wait()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    assert serving.wait(PATIENCE)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


def test_objects_are_seen_and_changed_in_both_versions(
    kubectl: PlainKubectl, webhook: ConversionWebhook
) -> None:
    group = f"g{uuid.uuid4().hex[:8]}.example.com"
    kubectl("create", "-f", "-", stdin=json.dumps(widget_definition(group, webhook.conversion)))
    kubectl("wait", "--for=condition=Established", f"crd/widgets.{group}", WAITS)
    for name, size in (("a", 5), ("b", 6)):
        kubectl("create", "-f", "-", stdin=json.dumps(widget(group, name, size=size)))
    for version, member in (("v1", "size"), ("v2", "width")):
        table = kubectl("get", f"widgets.{version}.{group}").split()
        assert table == ["NAME", "SIZE", "a", "5", "b", "6"]
        (first, _) = kubectl.json("get", f"widgets.{version}.{group}")["items"]
        assert first["spec"] == {member: 5, "color": "red"}
    full = json.dumps(widget(group, "a", "v2", width=7))
    assert "configured" in kubectl("apply", "-f", "-", stdin=full)
    assert kubectl.json("get", f"widget.v1.{group}", "a")["spec"] == {"size": 7, "color": "red"}
    webhook.answer = lambda review: answered(review, [])
    kubectl("create", "-f", "-", stdin=json.dumps(widget(group, "c", size=1)))
    refusal = kubectl.refused("get", f"widgets.v2.{group}")
    assert (
        f"conversion webhook for {group}/v1, Kind=Widget returned 0 objects, expected 1" in refusal
    )
    assert "namespace" in kubectl("get", "namespaces", "-o", "name")
    kubectl("delete", f"widgets.v1.{group}", "--all", WAITS)
    kubectl("delete", "crd", f"widgets.{group}", WAITS)
