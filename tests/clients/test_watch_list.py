"""The streaming list with which informers of client-go start, as bytes on the wire."""

from __future__ import annotations

import http.client
import json
import ssl
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from tests.clients.conftest import ON_SQLITE, forget_history
from tests.server_process import ServerProcess
from tests.waiting import PATIENCE

ADMIN: Final = {"Authorization": "Bearer admin-token"}
#: What an informer of client-go asks for.
WATCH_LIST: Final = {
    "watch": "true",
    "sendInitialEvents": "true",
    "allowWatchBookmarks": "true",
    "resourceVersionMatch": "NotOlderThan",
    "timeoutSeconds": "60",
}
END: Final = {"k8s.io/initial-events-end": "true"}
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"


class Api:
    """Requests to one server about the ConfigMaps of one namespace."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self.namespace = f"list-{uuid.uuid4().hex[:8]}"
        self.path = f"/api/v1/namespaces/{self.namespace}/configmaps"
        self.send("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})

    def _connection(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self._server.ca))
        port = int(self._server.url.rpartition(":")[2])
        return http.client.HTTPSConnection("localhost", port, context=context, timeout=PATIENCE)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Make a request that must succeed; return what it answers."""
        connection = self._connection()
        form = "application/merge-patch+json" if method == "PATCH" else "application/json"
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {**ADMIN, "Content-Type": form})
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        assert response.status < 300, answer
        return answer

    def create(self, name: str, **labels: str) -> str:
        """Create an object; return its resourceVersion."""
        metadata = {"name": name, "labels": labels}
        return version_of(self.send("POST", self.path, {"metadata": metadata}))

    def change(self, name: str) -> str:
        """Change an object; return its resourceVersion."""
        body = {"data": {"changed": uuid.uuid4().hex}}
        return version_of(self.send("PATCH", f"{self.path}/{name}", body))

    def delete(self, name: str) -> None:
        """Delete an object."""
        self.send("DELETE", f"{self.path}/{name}")

    @contextmanager
    def watch(
        self, accept: str = "application/json", status: int = 200, **query: str
    ) -> Iterator[Iterator[Any]]:
        """Yield the events of a watch, or what else comes line by line."""
        connection = self._connection()
        path = f"{self.path}?{urlencode(query)}"
        connection.request("GET", path, headers={**ADMIN, "Accept": accept})
        response = connection.getresponse()
        assert response.status == status
        try:
            yield (json.loads(line) for line in iter(response.readline, b""))
        finally:
            response.close()
            connection.close()


@pytest.fixture
def api(server: ServerProcess) -> Api:
    return Api(server)


@pytest.fixture
def own_api(own_server: ServerProcess) -> Api:
    return Api(own_server)


def version_of(document: Mapping[str, Any]) -> str:
    version: str = document["metadata"]["resourceVersion"]
    return version


def initial(events: Iterator[Any]) -> tuple[list[str], Any]:
    """Return the names of the initial events, and the bookmark that ends them."""
    names = []
    for event in events:
        if event["type"] == "BOOKMARK":
            assert event["object"]["metadata"]["annotations"] == END
            return names, event["object"]
        assert event["type"] == "ADDED"
        names.append(event["object"]["metadata"]["name"])
    raise AssertionError(f"the initial events of {names} do not end")


def told(event: Any) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"]["name"]


@pytest.mark.parametrize("version", ["", "0", "old", "newest"])
def test_everything_comes_first_then_a_bookmark_then_what_happens(api: Api, version: str) -> None:
    old = api.create("a")
    api.create("gone")
    api.create("b")
    api.delete("gone")
    newest = api.change("a")
    wanted = {"old": old, "newest": newest}.get(version, version)
    with api.watch(**WATCH_LIST, resourceVersion=wanted) as events:
        names, bookmark = initial(events)
        assert sorted(names) == ["a", "b"]
        assert (bookmark["kind"], bookmark["apiVersion"]) == ("ConfigMap", "v1")
        # Not older than what was there when the request was made.
        assert int(version_of(bookmark)) >= int(newest)
        versions = [api.create("c"), api.change("c")]
        api.delete("c")
        live = [next(events) for _ in range(3)]
    assert [told(event) for event in live] == [("ADDED", "c"), ("MODIFIED", "c"), ("DELETED", "c")]
    assert [version_of(event["object"]) for event in live[:2]] == versions
    assert int(version_of(live[2]["object"])) > int(versions[1])


def test_nothing_is_a_bookmark_too_and_it_is_not_sent_unasked(api: Api) -> None:
    with api.watch(**WATCH_LIST) as events:
        assert initial(events)[0] == []
    api.create("a")
    unmarked = {name: value for name, value in WATCH_LIST.items() if "Bookmarks" not in name}
    with api.watch(**unmarked) as events:
        assert told(next(events)) == ("ADDED", "a")
        api.create("b")
        assert told(next(events)) == ("ADDED", "b")


def test_what_is_not_selected_comes_in_no_part(api: Api) -> None:
    api.create("red", colour="red")
    api.create("blue", colour="blue")
    with api.watch(**WATCH_LIST, labelSelector="colour=red") as events:
        assert initial(events)[0] == ["red"]
        api.create("green", colour="green")
        api.create("ruby", colour="red")
        assert told(next(events)) == ("ADDED", "ruby")
    with api.watch(**WATCH_LIST, fieldSelector="metadata.name=blue") as events:
        assert initial(events)[0] == ["blue"]


def test_who_wants_metadata_alone_is_told_the_end_of_it(api: Api) -> None:
    api.create("a", colour="red")
    accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    with api.watch(f"{PROTOBUF};as=PartialObjectMetadata,{accept}", **WATCH_LIST) as events:
        first, end = next(events), next(events)
    assert first["object"]["kind"] == "PartialObjectMetadata"
    assert first["object"]["metadata"]["labels"] == {"colour": "red"}
    assert end["type"] == "BOOKMARK"
    assert end["object"]["kind"] == "PartialObjectMetadata"
    assert end["object"]["metadata"]["annotations"] == END


def test_a_client_that_prefers_protobuf_gets_json(api: Api) -> None:
    api.create("a")
    with api.watch(f"{PROTOBUF},application/json", **WATCH_LIST) as events:
        assert initial(events)[0] == ["a"]


REFUSED: Final = [
    (
        {"resourceVersionMatch": ""},
        "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch "
        "to NotOlderThan",
    ),
    (
        {"resourceVersionMatch": "Exact", "resourceVersion": "5"},
        "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch "
        "to NotOlderThan",
    ),
    (
        {"sendInitialEvents": ""},
        "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless "
        "sendInitialEvents is provided",
    ),
]


@ON_SQLITE
@pytest.mark.parametrize(("query", "says"), REFUSED)
def test_a_combination_that_makes_no_sense_is_refused(
    api: Api, query: dict[str, str], says: str
) -> None:
    asked = {name: value for name, value in {**WATCH_LIST, **query}.items() if value}
    with api.watch(status=422, **asked) as lines:
        assert says in next(lines)["message"]


@ON_SQLITE
def test_a_version_that_is_not_yet_there_is_told_with_a_hint_to_wait(api: Api) -> None:
    current = version_of(api.send("GET", api.path))
    future = str(int(current) + 1_000_000)
    with api.watch(**WATCH_LIST, resourceVersion=future) as events:
        error = next(events)
        assert next(events, None) is None
    assert error["type"] == "ERROR"
    status = error["object"]
    assert (status["code"], status["reason"]) == (504, "Timeout")
    assert f"Too large resource version: {future}, current: " in status["message"]
    assert status["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_watch_goes_on_after_a_restart_from_wherever_it_had_come_to(
    own_server: ServerProcess, own_api: Api, how: str
) -> None:
    api = own_api
    before = version_of(api.send("GET", api.path))
    api.create("a")
    with api.watch(**WATCH_LIST) as events:
        _, bookmark = initial(events)
        api.change("a")
        seen = version_of(next(events)["object"])
    api.create("b")
    if how == "stop":
        own_server.stop()
    else:
        own_server.kill()
    own_server.start()
    api.delete("a")
    resumed = {"watch": "true", "allowWatchBookmarks": "true"}
    later = [("ADDED", "b"), ("DELETED", "a")]
    changed = ("MODIFIED", "a")
    for version, expected in (
        (seen, later),
        (version_of(bookmark), [changed, *later]),
        (before, [("ADDED", "a"), changed, *later]),
    ):
        with api.watch(**resumed, resourceVersion=version) as events:
            assert [told(next(events)) for _ in expected] == expected
    with api.watch(**WATCH_LIST, resourceVersion=before) as events:
        assert initial(events)[0] == ["b"]


def test_what_is_forgotten_is_an_error_to_resume_from_and_none_to_begin_anew_with(
    own_server: ServerProcess, own_api: Api
) -> None:
    api = own_api
    old = api.create("a")
    api.change("a")
    api.create("b")
    forget_history(own_server)
    with api.watch(watch="true", resourceVersion=old) as events:
        error = next(events)
        assert next(events, None) is None
    assert error["type"] == "ERROR"
    status = error["object"]
    assert (status["code"], status["reason"], status["status"]) == (410, "Expired", "Failure")
    assert "too old" in status["message"]
    with api.watch(**WATCH_LIST, resourceVersion=old) as events:
        names, bookmark = initial(events)
        assert names == ["a", "b"]
        api.delete("a")
        assert told(next(events)) == ("DELETED", "a")
    with api.watch(watch="true", resourceVersion=version_of(bookmark)) as events:
        assert told(next(events)) == ("DELETED", "a")
