"""Watches of the official Python client, and its informer, through restarts and expiry."""

from __future__ import annotations

import json
import queue
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import islice
from typing import Any

import pytest
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer

from tests.clients.conftest import forget_history
from tests.server_process import ServerProcess
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def core(own_server: ServerProcess) -> Iterator[client.CoreV1Api]:
    """A client of the administrator, on a server that may be stopped."""
    with config.new_client_from_config(str(own_server.kubeconfig)) as connection:
        yield client.CoreV1Api(connection)


@pytest.fixture
def namespace(core: client.CoreV1Api) -> str:
    """The name of a new namespace."""
    name = f"watch-{uuid.uuid4().hex[:8]}"
    core.create_namespace({"metadata": {"name": name}})
    return name


def config_map(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}}


def seen(events: Generator[Any], count: int) -> list[tuple[str, str]]:
    """Return type and name of the next events of a watch, which ends with them."""
    with closing(events):
        return [(event["type"], event["object"].metadata.name) for event in islice(events, count)]


def test_a_watch_resumes_where_it_was_and_after_a_restart(
    own_server: ServerProcess, core: client.CoreV1Api, namespace: str
) -> None:
    follow = core.list_namespaced_config_map
    version = follow(namespace).metadata.resource_version
    for name in "ab":
        core.create_namespaced_config_map(namespace, config_map(name))
    watching = watch.Watch()
    events = watching.stream(follow, namespace, resource_version=version, timeout_seconds=PATIENCE)
    assert seen(events, 1) == [("ADDED", "a")]
    middle = watching.resource_version
    own_server.kill()
    own_server.start()
    core.delete_namespaced_config_map("a", namespace)
    events = watch.Watch().stream(
        follow, namespace, resource_version=middle, timeout_seconds=PATIENCE
    )
    assert seen(events, 2) == [("ADDED", "b"), ("DELETED", "a")]
    # All of what happened is still there for whoever comes later.
    events = watch.Watch().stream(
        follow, namespace, resource_version=version, timeout_seconds=PATIENCE
    )
    assert seen(events, 3) == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]


def test_a_watch_of_what_is_forgotten_has_to_begin_anew(
    own_server: ServerProcess, core: client.CoreV1Api, namespace: str
) -> None:
    version = core.create_namespaced_config_map(
        namespace, config_map("a")
    ).metadata.resource_version
    core.patch_namespaced_config_map("a", namespace, {"data": {"k": "v"}})
    core.create_namespaced_config_map(namespace, config_map("b"))
    token = core.list_namespaced_config_map(namespace, limit=1).metadata._continue
    core.create_namespaced_config_map(namespace, config_map("c"))
    forget_history(own_server)
    follow = core.list_namespaced_config_map
    with pytest.raises(ApiException) as expired:
        seen(
            watch.Watch().stream(
                follow, namespace, resource_version=version, timeout_seconds=PATIENCE
            ),
            1,
        )
    assert expired.value.status == 410
    with pytest.raises(ApiException) as expired:
        follow(namespace, resource_version=version, resource_version_match="Exact")
    assert (expired.value.status, expired.value.reason) == (410, "Gone")
    with pytest.raises(ApiException) as expired:
        follow(namespace, limit=1, _continue=token)
    assert expired.value.status == 410
    # The answer has a token to go on with, at another version.
    status = json.loads(expired.value.body)
    page = follow(namespace, _continue=status["metadata"]["continue"])
    assert [item.metadata.name for item in page.items] == ["b", "c"]


def test_a_selector_turns_changes_into_arrivals_and_departures(
    core: client.CoreV1Api, namespace: str
) -> None:
    follow = core.list_namespaced_config_map
    version = follow(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, config_map("a", colour="red"))
    for colour in ("blue", "red", "red"):
        patch = {"metadata": {"labels": {"colour": colour}}, "data": {"colour": uuid.uuid4().hex}}
        core.patch_namespaced_config_map("a", namespace, patch)
    core.delete_namespaced_config_map("a", namespace)
    events = watch.Watch().stream(
        follow,
        namespace,
        label_selector="colour=red",
        resource_version=version,
        timeout_seconds=PATIENCE,
    )
    kinds = [kind for kind, _ in seen(events, 5)]
    assert kinds == ["ADDED", "DELETED", "ADDED", "MODIFIED", "DELETED"]


def test_the_dynamic_client_is_told_where_the_initial_events_end(
    core: client.CoreV1Api, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in "ab":
        core.create_namespaced_config_map(namespace, config_map(name))
    cache = str(tmp_path_factory.mktemp("discovery") / "cache")
    config_maps = DynamicClient(core.api_client, cache_file=cache).resources.get(
        api_version="v1", kind="ConfigMap"
    )
    events = config_maps.watch(
        namespace=namespace,
        send_initial_events=True,
        allow_watch_bookmarks=True,
        resource_version_match="NotOlderThan",
        timeout=PATIENCE,
    )
    first = [next(events)["raw_object"] for _ in range(2)]
    assert sorted(each["metadata"]["name"] for each in first) == ["a", "b"]
    end = next(events)
    assert end["type"] == "BOOKMARK"
    metadata = end["raw_object"]["metadata"]
    assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}
    core.delete_namespaced_config_map("a", namespace)
    gone = next(events)
    assert gone["type"] == "DELETED"
    assert int(gone["raw_object"]["metadata"]["resourceVersion"]) > int(metadata["resourceVersion"])
    events.close()


class Informed:
    """An informer and what it was told."""

    def __init__(self, core: client.CoreV1Api, namespace: str) -> None:
        self.told: queue.Queue[tuple[str, str]] = queue.Queue()
        self.informer = SharedInformer(core.list_namespaced_config_map, namespace=namespace)
        for kind in (ADDED, MODIFIED, DELETED):
            self.informer.add_event_handler(kind, self._handler(kind))
        self.informer.start()

    def _handler(self, kind: str) -> Callable[[Any], None]:
        return lambda found: self.told.put((kind, found.metadata.name))

    def next(self) -> tuple[str, str]:
        """Return the next event."""
        return self.told.get(timeout=PATIENCE)

    def cached(self) -> dict[str, Any]:
        """Return the objects of the cache by their names."""
        return {each.metadata.name: each for each in self.informer.cache.list()}

    def stop(self) -> None:
        """Stop the informer, which may be waiting for a server."""
        stopping = threading.Thread(target=self.informer.stop)
        stopping.start()
        stopping.join(PATIENCE)
        assert not stopping.is_alive()


@pytest.fixture
def informed(core: client.CoreV1Api, namespace: str) -> Iterator[Informed]:
    """An informer that knows one object."""
    core.create_namespaced_config_map(namespace, config_map("a"))
    informed = Informed(core, namespace)
    assert informed.next() == (ADDED, "a")
    yield informed
    # One that has only just begun to watch does not notice that it is stopped.
    core.create_namespaced_config_map(namespace, config_map("last"))
    assert informed.next() == (ADDED, "last")
    informed.stop()


def test_an_informer_goes_on_after_a_restart_without_missing_or_repeating(
    own_server: ServerProcess, core: client.CoreV1Api, namespace: str, informed: Informed
) -> None:
    core.create_namespaced_config_map(namespace, config_map("b"))
    assert informed.next() == (ADDED, "b")
    own_server.kill()
    own_server.start()
    core.delete_namespaced_config_map("a", namespace)
    core.patch_namespaced_config_map("b", namespace, {"data": {"k": "v"}})
    assert [informed.next() for _ in range(2)] == [(DELETED, "a"), (MODIFIED, "b")]
    assert list(informed.cached()) == ["b"]
    assert informed.cached()["b"].data == {"k": "v"}


def test_an_informer_lists_anew_where_its_version_is_forgotten(
    own_server: ServerProcess, core: client.CoreV1Api, namespace: str, informed: Informed
) -> None:
    core.create_namespaced_config_map(namespace, config_map("b"))
    assert informed.next() == (ADDED, "b")
    informed.stop()
    core.delete_namespaced_config_map("a", namespace)
    core.create_namespaced_config_map(namespace, config_map("c"))
    forget_history(own_server)
    informed.informer.start()
    assert [informed.next() for _ in range(3)] == [(DELETED, "a"), (MODIFIED, "b"), (ADDED, "c")]
    core.patch_namespaced_config_map("c", namespace, {"data": {"k": "v"}})
    assert informed.next() == (MODIFIED, "c")
    wait_until(lambda: sorted(informed.cached()) == ["b", "c"])
