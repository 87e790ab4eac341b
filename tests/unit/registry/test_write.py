"""The write path: retries, confirmation, number of decisions, and effects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.registry import stored
from apiserver.registry.stored import Stored
from storage.errors import OutcomeUnknown, Unavailable, ValueTooLarge
from storage.interface import MAX_VALUE, Change, Put
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, PODS, named, pod
from tests.unit.registry.watched import (
    APPLY,
    Cluster,
    another_server,
    config_map,
    refusal,
    watched_cluster,
)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with watched_cluster() as cluster:
        yield cluster


def refuse(attributes: AdmissionAttributes, reader: Reader) -> None:
    raise attributes.forbidden("no")


async def test_what_was_written_is_known_without_decoding_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"data": {"a": "1"}, **config_map(), "immutable": False}
    for written in (
        await cluster.create(CONFIG_MAPS, document),
        await cluster.patch(CONFIG_MAPS, "c", b'{"data":{"a":"2"}}'),
    ):
        decoded = json.dumps(json.loads(written.stored.body))
        with monkeypatch.context() as patched:
            patched.delattr(stored, "parse_stored")
            assert json.dumps(written.stored.object) == decoded


async def test_a_conflict_is_decided_anew_on_the_record_that_is_there(cluster: Cluster) -> None:
    first = (await cluster.create(CONFIG_MAPS, config_map(a="1"))).stored
    async with another_server(cluster) as other:
        cluster.store.before.append(lambda: other.patch(CONFIG_MAPS, "c", b'{"data":{"b":"2"}}'))
        written = await cluster.patch(CONFIG_MAPS, "c", b'{"data":{"c":"3"}}')
    assert written.stored.object["data"] == {"a": "1", "b": "2", "c": "3"}
    assert cluster.plugin.seen == ["", str(first.revision), str(first.revision + 1)]


async def test_a_change_of_another_state_is_refused_after_a_conflict(cluster: Cluster) -> None:
    made = (await cluster.create(CONFIG_MAPS, config_map())).stored.object
    async with another_server(cluster) as other:
        cluster.store.before.append(lambda: other.patch(CONFIG_MAPS, "c", b'{"data":{"b":"2"}}'))
        code, message = await refusal(cluster.update(CONFIG_MAPS, {**made, "data": {"a": "1"}}))
    assert code == 409
    assert "the object has been modified" in message


async def test_what_a_void_attempt_warned_of_is_not_told(cluster: Cluster) -> None:
    def warn(attributes: AdmissionAttributes, reader: Reader) -> None:
        attributes.warn(f"seen {len(cluster.plugin.seen)}")

    await cluster.create(CONFIG_MAPS, config_map())
    cluster.plugin.check = warn
    async with another_server(cluster) as other:
        cluster.store.before.append(lambda: other.patch(CONFIG_MAPS, "c", b'{"data":{"b":"2"}}'))
        await cluster.patch(CONFIG_MAPS, "c", b'{"data":{"c":"3"}}')
    assert cluster.warnings == ["seen 3"]


async def test_a_refusal_is_decided_once_and_keeps_its_warnings(cluster: Cluster) -> None:
    def warn_and_refuse(attributes: AdmissionAttributes, reader: Reader) -> None:
        attributes.warn("careful")
        refuse(attributes, reader)

    cluster.plugin.check = warn_and_refuse
    code, _ = await refusal(cluster.create(CONFIG_MAPS, config_map()))
    assert code == 403
    assert cluster.plugin.seen == [""]
    assert cluster.warnings == ["careful"]
    assert cluster.store.commits == 0


async def test_a_change_that_changes_nothing_is_decided_once_and_not_written(
    cluster: Cluster,
) -> None:
    made = (await cluster.create(CONFIG_MAPS, config_map(a="1"))).stored
    cluster.plugin.seen.clear()
    before = await cluster.store.revision()
    patched = await cluster.patch(CONFIG_MAPS, "c", b'{"data":{"a":"1"}}')
    updated = await cluster.update(CONFIG_MAPS, made.object)
    assert patched.stored.body == updated.stored.body == made.body
    assert cluster.plugin.seen == [str(made.revision)] * 2
    assert await cluster.store.revision() == before


async def test_a_stale_record_is_not_what_a_refusal_rests_on(cluster: Cluster) -> None:
    async with another_server(cluster) as other:
        cluster.store.feeding.clear()
        await other.create(CONFIG_MAPS, config_map(a="1"))
        patching = asyncio.create_task(cluster.patch(CONFIG_MAPS, "c", b'{"data":{"b":"2"}}'))
        await asyncio.sleep(0)
        assert not cluster.exists(CONFIG_MAPS, "c")
        cluster.store.feeding.set()
        assert (await patching).stored.object["data"] == {"a": "1", "b": "2"}


async def test_a_refusal_is_decided_anew_where_what_admission_read_was_stale(
    cluster: Cluster,
) -> None:
    def needs_policy(attributes: AdmissionAttributes, reader: Reader) -> None:
        if reader.get(CONFIG_MAPS, "ns", "policy") is None:
            raise attributes.forbidden("there is no policy")

    async with another_server(cluster) as other:
        cluster.store.feeding.clear()
        await other.create(CONFIG_MAPS, config_map("policy"))
        cluster.plugin.check = needs_policy
        creating = asyncio.create_task(cluster.create(CONFIG_MAPS, config_map()))
        while not cluster.plugin.seen:
            await asyncio.sleep(0)
        cluster.store.feeding.set()
        assert (await creating).created
    assert cluster.plugin.seen == ["", ""]


async def test_a_creation_survives_a_change_of_its_namespace(cluster: Cluster) -> None:
    async with another_server(cluster) as other:
        label = b'{"metadata":{"labels":{"a":"b"}}}'
        cluster.store.before.append(lambda: other.patch(NAMESPACES, "ns", label))
        assert (await cluster.create(CONFIG_MAPS, config_map())).created


async def test_nothing_is_created_in_a_namespace_that_goes_meanwhile(cluster: Cluster) -> None:
    namespaces = cluster.resource(NAMESPACES)
    record = namespaces.store.get_newest_known(namespaces.key("", "ns"))
    assert record is not None
    cluster.store.before.append(lambda: cluster.store.delete(record.key, expected=record.revision))
    assert await refusal(cluster.create(CONFIG_MAPS, config_map())) == (
        404,
        'namespaces "ns" not found',
    )
    assert not cluster.exists(CONFIG_MAPS, "c")


@pytest.mark.parametrize("there", [False, True])
async def test_a_dry_run_is_decided_once_and_leaves_nothing(cluster: Cluster, there: bool) -> None:
    if there:
        await cluster.create(CONFIG_MAPS, config_map(a="1"))
    cluster.plugin.seen.clear()
    before = await cluster.store.revision()
    if there:
        written = await cluster.patch(CONFIG_MAPS, "c", b'{"data":{"b":"2"}}', dry_run=True)
        assert written.stored.metadata["resourceVersion"] == str(written.stored.revision)
    else:
        written = await cluster.create(CONFIG_MAPS, config_map(b="2"), dry_run=True)
        assert "resourceVersion" not in written.stored.metadata
    assert written.created is not there
    assert written.stored.object["data"]["b"] == "2"
    assert len(cluster.plugin.seen) == 1
    assert await cluster.store.revision() == before


async def test_a_dry_run_sees_what_is_there_now(cluster: Cluster) -> None:
    await cluster.create(CONFIG_MAPS, config_map(a="1"))
    async with another_server(cluster) as other:
        cluster.store.feeding.clear()
        await other.patch(CONFIG_MAPS, "c", b'{"data":{"b":"2"}}')
        patch = cluster.patch(CONFIG_MAPS, "c", b'{"data":{"c":"3"}}', dry_run=True)
        patching = asyncio.create_task(patch)
        await asyncio.sleep(0)
        cluster.store.feeding.set()
        assert (await patching).stored.object["data"] == {"a": "1", "b": "2", "c": "3"}


async def test_an_object_whose_grace_is_over_is_stored_once_more_and_goes(
    cluster: Cluster,
) -> None:
    await cluster.create(PODS, pod("p", "ns", nodeName="n"))
    cluster.store.commits = 0
    dry = await cluster.delete(PODS, "p", grace_period_seconds=0, dry_run=True)
    assert dry.removed
    assert dry.stored.metadata["deletionGracePeriodSeconds"] == 0
    assert cluster.store.commits == 0
    gone = await cluster.delete(PODS, "p", grace_period_seconds=0)
    assert gone.removed
    assert gone.stored.metadata["deletionGracePeriodSeconds"] == 0
    assert cluster.store.commits == 2
    assert await refusal(cluster.delete(PODS, "p")) == (404, 'pods "p" not found')


async def test_an_object_that_is_held_again_before_it_goes_stays(cluster: Cluster) -> None:
    await cluster.create(PODS, pod("p", "ns", nodeName="n"))
    pods = cluster.resource(PODS)

    async def hold() -> None:
        record = pods.store.get_newest_known(pods.key("ns", "p"))
        assert record is not None
        metadata = {**record.value.metadata, "finalizers": ["a.b/c"]}
        held = {**record.value.object, "metadata": metadata}
        value = Stored.to_write(held)
        await pods.store.put(record.key, value, expected=record.revision)

    async def nothing() -> None:
        pass

    cluster.store.before += [nothing, hold]
    written = await cluster.delete(PODS, "p", grace_period_seconds=0)
    assert not written.removed
    assert written.stored.metadata["finalizers"] == ["a.b/c"]


def too_large_with_owners(changes: Sequence[Change[bytes]]) -> None:
    for change in changes:
        if isinstance(change, Put) and b"managedFields" in change.value:
            raise ValueTooLarge(change.key, MAX_VALUE + 1, MAX_VALUE)


async def test_an_object_that_is_too_large_loses_its_owners(cluster: Cluster) -> None:
    cluster.store.check = too_large_with_owners
    written = await cluster.create(CONFIG_MAPS, config_map(a="1"))
    assert "managedFields" not in written.stored.metadata
    assert cluster.plugin.seen == [""]
    applied = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"},"data":{"a":"b"}}'
    patch = cluster.patch(CONFIG_MAPS, "d", applied, APPLY, field_manager="m")
    assert (await refusal(patch))[0] == 413


@pytest.mark.parametrize(
    ("error", "code"), [(Unavailable("away"), 500), (OutcomeUnknown("/registry/x"), 504)]
)
async def test_what_the_store_fails_at_is_said_in_words_of_the_api(
    cluster: Cluster, error: Exception, code: int
) -> None:
    def fail(changes: Sequence[Change[bytes]]) -> None:
        raise error

    cluster.store.check = fail
    assert (await refusal(cluster.create(CONFIG_MAPS, config_map())))[0] == code


async def test_every_name_that_was_generated_and_taken_is_tried_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["c", "c", "d"])
    monkeypatch.setattr("apiserver.registry.create.generate_name", lambda prefix: next(names))
    await cluster.create(CONFIG_MAPS, config_map())
    document = {**named("", "ns", generateName="x-")}
    assert (await cluster.create(CONFIG_MAPS, document)).stored.metadata["name"] == "d"
