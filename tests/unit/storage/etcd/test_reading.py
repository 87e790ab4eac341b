"""What the answers of a watch stream mean."""

from __future__ import annotations

import pytest

from storage.errors import Compacted, Unavailable
from storage.etcd import rpc
from storage.etcd.watch import WatchAssembler, reports_progress_in_order, watch_request
from storage.interface import Batch, Event, Record

OLD, NEW = "3.5.1", "3.5.21"


def put(key: str, revision: int, previous: int = 0) -> rpc.Event:
    """Return etcd's event of a put; ``previous`` is the revision that it replaced."""
    kv = rpc.KeyValue(
        key=key.encode(), value=b"v", mod_revision=revision, create_revision=previous or revision
    )
    event = rpc.Event(type=rpc.Event.PUT, kv=kv)
    if previous:
        event.prev_kv.CopyFrom(old(key, previous))
    return event


def deletion(key: str, revision: int, previous: int) -> rpc.Event:
    """Return etcd's event of a deletion."""
    kv = rpc.KeyValue(key=key.encode(), mod_revision=revision)
    return rpc.Event(type=rpc.Event.DELETE, kv=kv, prev_kv=old(key, previous))


def old(key: str, revision: int) -> rpc.KeyValue:
    """Return a key as it was."""
    return rpc.KeyValue(
        key=key.encode(), value=b"o", mod_revision=revision, create_revision=revision
    )


def answer(*events: rpc.Event, header: int = 99, fragment: bool = False) -> rpc.WatchResponse:
    """Return an answer of etcd's; its head is ahead of its events."""
    return rpc.WatchResponse(
        header=rpc.ResponseHeader(revision=header), events=events, fragment=fragment
    )


def reading(after: int = 5, version: str = OLD) -> WatchAssembler:
    """Return what has read nothing yet."""
    started = WatchAssembler("/r/", after)
    started.begin(version)
    return started


def test_the_first_answer_says_that_etcd_listens() -> None:
    read = reading()
    created = rpc.WatchResponse(header=rpc.ResponseHeader(revision=9), created=True)
    assert read.take(created) == Batch(5)
    read.begin(OLD)
    assert read.take(created) is None


def test_events_become_a_batch_at_the_revision_of_the_last() -> None:
    read = reading()
    batch = read.take(answer(put("/r/a", 6), put("/r/a", 7, 6), deletion("/r/a", 8, 7)))
    one, two = Record("/r/a", b"v", 6, 6), Record("/r/a", b"v", 7, 6)
    assert batch == Batch(
        8,
        [
            Event("/r/a", 6, one, None),
            Event("/r/a", 7, two, Record("/r/a", b"o", 6, 6)),
            Event("/r/a", 8, None, Record("/r/a", b"o", 7, 7)),
        ],
    )
    assert (read.reached, read.begun) == (8, True)


def test_fragments_are_one_batch() -> None:
    """A revision may be spread over them: a lease that ends deletes many keys at once."""
    read = reading()
    assert read.take(answer(deletion("/r/a", 6, 2), fragment=True)) is None
    assert read.take(answer(deletion("/r/b", 6, 3), fragment=True)) is None
    batch = read.take(answer(deletion("/r/c", 6, 4)))
    assert batch is not None
    assert [event.key for event in batch.events] == ["/r/a", "/r/b", "/r/c"]


def test_fragments_of_a_stream_that_broke_are_forgotten() -> None:
    read = reading()
    read.take(answer(put("/r/a", 6), fragment=True))
    read.begin(OLD)
    batch = read.take(answer(put("/r/a", 6), put("/r/b", 7)))
    assert batch is not None
    assert [event.revision for event in batch.events] == [6, 7]


def test_what_was_told_before_is_left_out() -> None:
    read = reading(6)
    batch = read.take(answer(put("/r/a", 6), put("/r/b", 7)))
    assert batch is not None
    assert [event.revision for event in batch.events] == [7]
    assert read.take(answer(put("/r/b", 7))) is None


def test_a_compaction_tells_where_it_goes() -> None:
    read = reading()
    event = put("compact_rev_key", 6)
    event.kv.value = b"4"
    read.take(answer(event))
    assert read.compacted == 4


def test_the_keys_of_others_show_as_bookmarks() -> None:
    read = reading()
    assert read.take(answer(put("compact_rev_key", 6))) == Batch(6)
    batch = read.take(answer(put("/r/a", 7), put("compact_rev_key", 8)))
    assert batch is not None
    assert (batch.revision, len(batch.events)) == (8, 1)


@pytest.mark.parametrize(("version", "trusted"), [(OLD, False), (NEW, True)])
def test_an_answer_without_events_tells_progress_where_etcd_gets_it_right(
    version: str, trusted: bool
) -> None:
    read = reading(5, version)
    assert read.take(answer(header=8)) == (Batch(8) if trusted else None)
    assert read.take(answer(header=7)) is None
    assert read.reached == (8 if trusted else 5)


def test_forgotten_history_is_told_with_what_is_left() -> None:
    with pytest.raises(Compacted) as refused:
        reading().take(rpc.WatchResponse(canceled=True, compact_revision=50))
    assert (refused.value.requested, refused.value.oldest) == (5, 50)


def test_any_other_end_is_told_with_its_reason() -> None:
    with pytest.raises(Unavailable, match="permission denied"):
        reading().take(rpc.WatchResponse(canceled=True, cancel_reason="permission denied"))


@pytest.mark.parametrize("event", [put("/r/a", 7, 6), deletion("/r/a", 7, 6)])
def test_an_event_that_lacks_what_it_replaced_is_forgotten_history(event: rpc.Event) -> None:
    event.ClearField("prev_kv")
    with pytest.raises(Compacted):
        reading().take(answer(event))


VERSIONS = [
    ("3.4.24", False),
    ("3.4.25", True),
    ("3.4.30", True),
    ("3.5.0", False),
    ("3.5.7", False),
    ("3.5.8", True),
    ("3.5.21", True),
    ("3.5.8-rc.1", True),
    ("3.6.0", True),
    ("4.0", True),
    ("3.3.27", False),
    ("", False),
    ("main", False),
]


@pytest.mark.parametrize(("version", "right"), VERSIONS)
def test_which_versions_tell_progress_right(version: str, right: bool) -> None:
    assert reports_progress_in_order(version) is right


RANGES = [
    # prefix, following, first key, end of the range
    ("/registry/", False, b"/registry/", b"/registry0"),
    ("/registry/", True, b"/registry/", b"compact_rev_key\0"),
    ("zoo/", True, b"compact_rev_key", b"zoo0"),
    ("", False, b"\0", b"\0"),
    ("", True, b"\0", b"\0"),
    ("a\xff", False, b"a\xc3\xbf", b"a\xc3\xc0"),
]


@pytest.mark.parametrize(("prefix", "feed", "first", "end"), RANGES)
def test_what_a_watch_asks_for(prefix: str, feed: bool, first: bytes, end: bytes) -> None:
    request = watch_request(prefix, 7, feed=feed).create_request
    assert (request.key, request.range_end, request.start_revision) == (first, end, 7)
    assert request.prev_kv is not feed
    assert request.fragment


def test_a_watch_of_everything_begins_at_the_first_revision() -> None:
    assert watch_request("/r/", 0, feed=False).create_request.start_revision == 1
