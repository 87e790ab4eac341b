"""Frames are made once for watches that show the same objects in the same representation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import PARTIAL, TABLE, Representation
from apiserver.endpoints.watch_frames import FrameCache, Framer
from apiserver.registry.stored import Stored
from apiserver.registry.watch import ADDED, BOOKMARK, WatchEvent

REQUEST = cast("HTTPRequest", SimpleNamespace(query={}))


def resource(version: str = "v1") -> Any:
    return SimpleNamespace(
        definition=SimpleNamespace(api_version=version, form=""),
        strategy=SimpleNamespace(printer=None),
    )


@dataclass
class Watch:
    """A watch of the objects whose names begin with ``selector``."""

    selector: str = ""
    shares_parts: bool = True
    resource: Any = field(default_factory=resource)
    selected: list[int] = field(default_factory=list)

    def select(self, part: Sequence[WatchEvent]) -> list[WatchEvent]:
        self.selected.append(id(part))
        return [each for each in part if each.stored.metadata["name"].startswith(self.selector)]


def part(*names: str) -> list[WatchEvent]:
    return [
        WatchEvent(ADDED, Stored(name, stored(name), number), number)
        for number, name in enumerate(names, 1)
    ]


def stored(name: str) -> bytes:
    return b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"%b"}}' % name.encode()


def framer(cache: FrameCache, watch: Watch, transform: str = "", version: str = "v1") -> Framer:
    representation = Representation("application/json", transform, version)
    return cache.framer(REQUEST, representation, cast("Any", watch))


def names(frames: Sequence[bytes]) -> list[str]:
    """Return the names in the frames, each of which may be several lines."""
    found = []
    for line in b"".join(frames).splitlines():
        shown = json.loads(line)["object"]
        shown = shown["rows"][0]["object"] if shown["kind"] == "Table" else shown
        found.append(shown["metadata"]["name"])
    return found


@pytest.mark.parametrize("transform", ["", PARTIAL, TABLE])
def test_watches_with_one_selector_share_what_is_selected_and_encoded(transform: str) -> None:
    cache, first, second = FrameCache(), Watch("a"), Watch("a")
    framers = [framer(cache, each, transform) for each in (first, second)]
    # Only the first Table of a watch has columns.
    for each in framers:
        assert names(each.parts([part("a-0")])) == ["a-0"]
    first.selected.clear()
    second.selected.clear()
    parts = [part("a-1", "b-1", "a-2"), part("b-2"), part("a-3")]
    for each in framers:
        frames = each.parts(parts)
        assert names(frames) == ["a-1", "a-2", "a-3"]
        # An empty frame would end a chunked response.
        assert all(frames)
    assert (len(first.selected), second.selected) == (3, [])


@pytest.mark.parametrize(
    ("transform", "watch"),
    [
        ("", Watch("b")),
        (PARTIAL, Watch("a")),
        (TABLE, Watch("a")),
        ("", Watch("a", resource=resource("v2"))),
    ],
)
def test_other_selectors_representations_and_versions_have_frames_of_their_own(
    transform: str, watch: Watch
) -> None:
    cache, shared = FrameCache(), part("a-1", "b-1")
    assert names(framer(cache, Watch("a")).parts([shared])) == ["a-1"]
    assert names(framer(cache, watch, transform).parts([shared])) == [f"{watch.selector}-1"]
    assert watch.selected == [id(shared)]


def test_versions_of_partial_metadata_have_frames_of_their_own() -> None:
    cache, shared = FrameCache(), part("a-1")
    for version in ("v1", "v1beta1"):
        (frame,) = framer(cache, Watch(), PARTIAL, version).parts([shared])
        assert json.loads(frame)["object"]["apiVersion"] == f"meta.k8s.io/{version}"


def test_parts_that_are_converted_for_each_watch_share_the_frames_of_their_events() -> None:
    cache = FrameCache()
    frames = [framer(cache, Watch(shares_parts=False)).parts([part("a", "b")]) for _ in range(2)]
    assert names(frames[0]) == ["a", "b"]
    assert all(one is other for one, other in zip(*frames, strict=True))


def test_watches_of_metadata_share_the_frames_of_what_exists_but_no_bookmarks() -> None:
    cache, existing = FrameCache(), part("a")
    bookmarks = [
        WatchEvent(BOOKMARK, Stored("", stored(name), 1), 1) for name in ("plain", "of-the-end")
    ]
    first, second = (
        framer(cache, Watch(), PARTIAL).events([*existing, bookmark]) for bookmark in bookmarks
    )
    assert first[0] is second[0]
    assert (names(first), names(second)) == (["a", "plain"], ["a", "of-the-end"])
