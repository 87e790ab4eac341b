"""Lists: revisions, limits and errors."""

from __future__ import annotations

import asyncio

import pytest

from apiserver.machinery.errors import Expired, Timeout
from apiserver.registry.continuation import INCONSISTENT, Continuation, decode
from apiserver.registry.stored import Stored
from apiserver.registry.yielding import BATCH_SIZE
from storage.errors import Unavailable
from storage.interface import ABSENT, Put
from tests.unit.cluster import CONFIG_MAPS
from tests.unit.registry.lists import labelled, listed, make, names, pages
from tests.unit.registry.watched import Cluster, another_server, refusal

TOO_LARGE = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]


@pytest.mark.parametrize("selector", ["", "&labelSelector=a=b", "&labelSelector=a in (b)"])
async def test_pages_show_one_snapshot_while_objects_change(
    cluster: Cluster, selector: str
) -> None:
    *_, version = await make(cluster, "a", "c", "e", "g", "i", a="b")
    found = []
    async for page in pages(cluster, "limit=2" + selector):
        found.append((names(page), page.resource_version))
        if len(found) == 1:
            await make(cluster, "d", "z", a="b")
            await cluster.delete(CONFIG_MAPS, "e")
            await cluster.patch(CONFIG_MAPS, "g", b'{"metadata":{"labels":null}}')
            await cluster.registry.store.wait_until_fresh()
    assert found == [(["a", "c"], version), (["e", "g"], version), (["i"], version)]
    assert names(await listed(cluster)) == ["a", "c", "d", "g", "i", "z"]


async def test_what_remains_is_counted_only_where_all_is_selected(cluster: Cluster) -> None:
    await make(cluster, "a", "b", "c", "d", x="y")
    assert [page.remaining async for page in pages(cluster, "limit=2")] == [2, None]
    selected = [page async for page in pages(cluster, "limit=2&labelSelector=x=y")]
    assert selected[0].continue_token
    assert selected[0].remaining is None


async def test_a_page_that_holds_the_last_object_is_the_last(cluster: Cluster) -> None:
    await make(cluster, "a", "b")
    for query in ("limit=2", "limit=3", "limit=0", "limit=-1", "limit=2&fieldSelector="):
        page = await listed(cluster, query)
        assert (names(page), page.continue_token, page.remaining) == (["a", "b"], "", None)


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9])
async def test_a_page_is_filled_from_as_far_as_it_takes(
    cluster: Cluster, limit: int, changed: bool
) -> None:
    config_maps = cluster.resource(CONFIG_MAPS)
    changes = []
    for index in range(BATCH_SIZE + 20):
        document = labelled(f"n{index:03}", pick="yes" if index % 30 == 29 else "no")
        value = Stored.to_write(cluster.read(CONFIG_MAPS, document))
        changes.append(Put(config_maps.key("ns", f"n{index:03}"), value, ABSENT))
    await config_maps.store.commit(changes)
    found = []
    async for page in pages(cluster, f"limit={limit}&labelSelector=pick=yes"):
        found.append(names(page))
        if changed:
            await cluster.patch(CONFIG_MAPS, "n119", b'{"metadata":{"labels":null}}')
            await cluster.registry.store.wait_until_fresh()
    selected = ["n029", "n059", "n089", "n119"]
    assert found == [selected[start : start + limit] for start in range(0, 4, limit)]


async def test_a_token_of_another_server_goes_on_here(cluster: Cluster) -> None:
    await make(cluster, "a", "b")
    first = await listed(cluster, "limit=1")
    async with another_server(cluster) as other:
        assert names(await listed(other, f"continue={first.continue_token}")) == ["b"]


async def test_a_token_too_old_comes_with_one_that_goes_on_as_it_is_now(cluster: Cluster) -> None:
    await make(cluster, "a", "b", "d")
    first = await listed(cluster, "limit=2")
    *_, version = await make(cluster, "c", "e")
    await cluster.store.compact(int(version))
    with pytest.raises(Expired, match="continue parameter is too old") as refused:
        await listed(cluster, f"limit=2&continue={first.continue_token}")
    assert refused.value.code == 410
    token = refused.value.list_metadata["continue"]
    assert decode(token) == Continuation("b\0", INCONSISTENT)
    rest = await listed(cluster, f"limit=2&continue={token}")
    assert (names(rest), rest.resource_version) == (["c", "d"], version)
    assert decode(rest.continue_token) == Continuation("d\0", int(version))


async def test_a_revision_too_old_is_refused_without_a_token(cluster: Cluster) -> None:
    versions = await make(cluster, "a", "b", "c")
    await cluster.store.compact(int(versions[2]))
    with pytest.raises(Expired, match="for the provided list is too old") as refused:
        await listed(cluster, f"resourceVersion={versions[0]}&resourceVersionMatch=Exact")
    assert not refused.value.list_metadata


# Of which revision.


@pytest.mark.parametrize(
    ("query", "shown", "exact"),
    [
        ("", "abc", False),
        ("resourceVersion=0", "abc", False),
        ("resourceVersion=0&limit=1", "abc", False),
        ("resourceVersion=0&resourceVersionMatch=NotOlderThan", "abc", False),
        ("resourceVersion={b}", "abc", False),
        ("resourceVersion={b}&limit=0", "abc", False),
        ("resourceVersion={b}&resourceVersionMatch=NotOlderThan", "abc", False),
        ("resourceVersion={b}&resourceVersionMatch=NotOlderThan&limit=1", "a", False),
        ("resourceVersion={b}&resourceVersionMatch=Exact", "ab", True),
        ("resourceVersion={b}&resourceVersionMatch=Exact&limit=1", "a", True),
        ("resourceVersion={b}&limit=1", "a", True),
        ("resourceVersion={b}&limit=7", "ab", True),
    ],
)
@pytest.mark.parametrize("selector", ["", "&labelSelector=x=y"])
async def test_the_revision_that_is_shown_is_the_one_asked_for(
    cluster: Cluster, query: str, shown: str, exact: bool, selector: str
) -> None:
    _, b, c = await make(cluster, "a", "b", "c", x="y")
    await cluster.registry.store.wait_until_fresh()
    found = await listed(cluster, query.format(b=b) + selector)
    assert ("".join(names(found)), found.resource_version) == (shown, b if exact else c)


@pytest.mark.parametrize("selector", ["", "labelSelector=x=y", "limit=9"])
async def test_a_list_sees_what_was_acknowledged_before_it(cluster: Cluster, selector: str) -> None:
    async with another_server(cluster) as other:
        cluster.store.feeding.clear()
        (version,) = await make(other, "a", x="y")
        bounded = f"resourceVersion={version}&resourceVersionMatch=NotOlderThan&{selector}"
        listing = [asyncio.create_task(listed(cluster, query)) for query in (selector, bounded)]
        await asyncio.sleep(0)
        assert names(await listed(cluster, f"resourceVersion=0&{selector}")) == []
        assert not any(task.done() for task in listing)
        cluster.store.feeding.set()
        assert [names(await task) for task in listing] == [["a"], ["a"]]


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("resourceVersionMatch=Exact", 422, "forbidden unless resourceVersion is provided"),
        ("resourceVersion=1&resourceVersionMatch=Newest", 422, 'Unsupported value: "Newest"'),
        ("resourceVersion=0&resourceVersionMatch=Exact", 422, '"exact" is forbidden for'),
        (
            "resourceVersion=1&resourceVersionMatch=Exact&continue={token}",
            422,
            "forbidden when continue is provided",
        ),
        ("sendInitialEvents=true", 422, "sendInitialEvents is forbidden for list"),
        ("sendInitialEvents=false", 422, "sendInitialEvents is forbidden for list"),
        ("resourceVersion=x", 400, 'parsing "x": invalid syntax'),
        ("resourceVersion=-1", 400, 'parsing "-1": invalid syntax'),
        ("resourceVersion=18446744073709551616", 400, "value out of range"),
        (f"resourceVersion={'9' * 5000}", 400, "value out of range"),
        ("resourceVersion=1&continue={token}", 400, "not allowed when using continue"),
        ("continue=x", 400, "continue key is not valid"),
        ("fieldSelector=data.a=b", 400, '"data.a" is not a known field selector'),
    ],
)
async def test_options_that_cannot_be_met_are_refused(
    cluster: Cluster, query: str, code: int, message: str
) -> None:
    token = Continuation("a\0", 1).encode()
    found = await refusal(listed(cluster, query.format(token=token)))
    assert found[0] == code
    assert message in found[1]


async def test_all_that_contradicts_is_told_at_once(cluster: Cluster) -> None:
    query = "resourceVersionMatch=Newest&continue=x&sendInitialEvents=true"
    _, message = await refusal(listed(cluster, query))
    assert message.count("resourceVersionMatch: ") == 3
    assert message.count("sendInitialEvents: ") == 1


@pytest.mark.usefixtures("no_wait")
@pytest.mark.parametrize(
    "query", ["", "&resourceVersionMatch=NotOlderThan", "&resourceVersionMatch=Exact", "&limit=1"]
)
@pytest.mark.parametrize("selector", ["", "&labelSelector=x=y"])
@pytest.mark.parametrize("far", ["999", "9223372036854775808", "00018446744073709551615"])
async def test_a_revision_that_has_not_come_times_out(
    cluster: Cluster, query: str, selector: str, far: str
) -> None:
    (version,) = await make(cluster, "a")
    with pytest.raises(Timeout, match=f"version: {int(far)}, current: {version}") as refused:
        await listed(cluster, f"resourceVersion={far}{query}{selector}")
    assert refused.value.code == 504
    assert refused.value.details == {"causes": TOO_LARGE, "retryAfterSeconds": 1}


async def test_a_store_that_is_away_is_told_as_such(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise Unavailable("away")

    (version,) = await make(cluster, "a")
    await make(cluster, "b")
    monkeypatch.setattr(cluster.store, "list", fail)
    query = f"resourceVersion={version}&resourceVersionMatch=Exact"
    assert (await refusal(listed(cluster, query)))[0] == 500
