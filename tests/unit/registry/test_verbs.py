"""Update, patch, apply and delete: results and errors."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.admission.chain import UPDATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from tests.unit.cluster import CONFIG_MAPS, PODS, named, pod
from tests.unit.registry.watched import (
    APPLY,
    Cluster,
    config_map,
    refusal,
    watched_cluster,
)

CLASSES = GroupVersionResource("resource.k8s.io", "v1", "deviceclasses")
LEASES = GroupVersionResource("coordination.k8s.io", "v1", "leases")
MODIFIED = (
    'Operation cannot be fulfilled on configmaps "c": the object has been modified; '
    "please apply your changes to the latest version and try again"
)


@pytest.fixture
async def made(cluster: Cluster) -> Object:
    return (await cluster.create(CONFIG_MAPS, config_map(a="1"))).stored.object


def with_metadata(document: Object, **metadata: Any) -> Object:
    return {**document, "metadata": {**document["metadata"], **metadata}}


# Create.


async def test_a_new_object_has_no_resource_version(cluster: Cluster) -> None:
    versioned = with_metadata(config_map(a="1"), resourceVersion="7")
    said = await refusal(cluster.create(CONFIG_MAPS, versioned))
    assert said == (500, "resourceVersion should not be set on objects to be created")
    # Only the store looks at it: that an object is invalid is said before.
    wrong = with_metadata(versioned, name="C")
    assert (await refusal(cluster.create(CONFIG_MAPS, wrong)))[0] == 422
    written = await cluster.create(CONFIG_MAPS, versioned, dry_run=True)
    assert written.stored.metadata["resourceVersion"] == "7"
    await cluster.create(CONFIG_MAPS, with_metadata(versioned, resourceVersion="x"))


# Update.


async def test_an_update_replaces_what_it_leaves_out(cluster: Cluster, made: Object) -> None:
    written = await cluster.update(CONFIG_MAPS, {**named("c", "ns"), "data": {"b": "2"}})
    assert written.stored.object["data"] == {"b": "2"}
    assert written.stored.metadata["uid"] == made["metadata"]["uid"]
    assert written.stored.metadata["resourceVersion"] > made["metadata"]["resourceVersion"]


class Versioning:
    """Changes the resourceVersion of every ConfigMap."""

    name = "Versioning"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return operation == UPDATE and resource == CONFIG_MAPS

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object:
        assert attributes.object is not None
        return with_metadata(attributes.object, resourceVersion="1")


async def test_mutating_admission_may_change_the_resource_version() -> None:
    async with watched_cluster(Versioning()) as cluster:
        await cluster.create(CONFIG_MAPS, config_map(a="1"))
        update = cluster.update(CONFIG_MAPS, config_map(a="2"))
        assert await refusal(update) == (409, MODIFIED)


@pytest.mark.parametrize(
    ("metadata", "code", "message"),
    [
        ({"resourceVersion": "1"}, 409, MODIFIED),
        ({"resourceVersion": "x"}, 500, 'strconv.ParseUint: parsing "x": invalid syntax'),
        (
            {"uid": "other"},
            409,
            'Operation cannot be fulfilled on configmaps "c": StorageError: invalid object, '
            "Code: 4, Key: /registry/configmaps/ns/c, ResourceVersion: 0, AdditionalErrorMsg: "
            "Precondition failed: UID in precondition: other, UID in object meta: {uid}",
        ),
    ],
)
async def test_an_update_of_another_object_or_state_is_refused(
    cluster: Cluster, made: Object, metadata: dict[str, str], code: int, message: str
) -> None:
    document = with_metadata(config_map(b="2"), **metadata)
    message = message.replace("{uid}", made["metadata"]["uid"])
    assert await refusal(cluster.update(CONFIG_MAPS, document)) == (code, message)
    assert cluster.get(CONFIG_MAPS, "c") == made


async def test_every_repeated_owner_is_named(cluster: Cluster) -> None:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}
    other = {**owner, "uid": "w"}
    owners = [owner, other, owner, owner, {**other, "controller": False}, other]
    written = await cluster.create(CONFIG_MAPS, with_metadata(config_map(), ownerReferences=owners))
    kept = [owner, other, {**other, "controller": False}]
    assert written.stored.metadata["ownerReferences"] == kept
    assert [text.rpartition(": ")[2] for text in cluster.warnings] == ["u, u, w"]


async def test_an_update_creates_where_its_kind_lets_it(cluster: Cluster) -> None:
    assert await refusal(cluster.update(CONFIG_MAPS, config_map())) == (
        404,
        'configmaps "c" not found',
    )
    assert (await cluster.update(LEASES, named("l", "ns"))).created
    assert cluster.get(LEASES, "l")["metadata"]["uid"]


async def test_a_parameter_that_becomes_true_from_one_is_a_change(cluster: Cluster) -> None:
    def class_with(size: object) -> Object:
        opaque = {"driver": "d.example.com", "parameters": {"size": size}}
        return {**named("k"), "spec": {"config": [{"opaque": opaque}]}}

    made = (await cluster.create(CLASSES, class_with(1))).stored.object
    versions = [made["metadata"]["generation"]]
    for size in (True, 1, 1.0, 1.0):
        metadata = cluster.get(CLASSES, "k", "")["metadata"]
        document = with_metadata(class_with(size), resourceVersion=metadata["resourceVersion"])
        stored = (await cluster.update(CLASSES, document)).stored
        found = stored.object["spec"]["config"][0]["opaque"]["parameters"]["size"]
        assert (found, type(found)) == (size, type(size))
        versions.append(stored.metadata["generation"])
    assert versions == [1, 2, 3, 4, 4]


# Patch.


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/merge-patch+json", b'{"data":{"a":null,"b":"2"}}'),
        ("application/strategic-merge-patch+json", b'{"data":{"a":null,"b":"2"}}'),
        (
            "application/json-patch+json",
            b'[{"op":"remove","path":"/data/a"},{"op":"add","path":"/data/b","value":"2"}]',
        ),
    ],
)
async def test_a_patch_changes_what_it_names(
    cluster: Cluster, made: Object, media_type: str, body: bytes
) -> None:
    written = await cluster.patch(CONFIG_MAPS, "c", body, media_type)
    assert written.stored.object["data"] == {"b": "2"}
    assert not written.created


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"metadata":{"resourceVersion":"1"}}', 409, MODIFIED),
        (
            b'{"metadata":{"name":"d"}}',
            400,
            "the name of the object (d) does not match the name on the URL (c)",
        ),
        (
            b'{"metadata":{"namespace":"other"}}',
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
    ],
)
async def test_a_patch_of_another_object_or_state_is_refused(
    cluster: Cluster, made: Object, body: bytes, code: int, message: str
) -> None:
    assert await refusal(cluster.patch(CONFIG_MAPS, "c", body)) == (code, message)
    assert cluster.get(CONFIG_MAPS, "c") == made


async def test_a_patch_of_what_is_not_there_is_not_looked_at(cluster: Cluster) -> None:
    assert await refusal(cluster.patch(CONFIG_MAPS, "c", b"{")) == (404, 'configmaps "c" not found')


async def test_a_field_that_there_is_not_is_warned_of_once(cluster: Cluster, made: Object) -> None:
    await cluster.patch(CONFIG_MAPS, "c", b'{"odd":1,"data":{"b":"2"}}')
    assert cluster.warnings == ['unknown field "odd"']
    strict = cluster.patch(CONFIG_MAPS, "c", b'{"odd":1}', field_validation="Strict")
    assert (await refusal(strict))[0] == 422


# Apply.


def applied(**data: str) -> bytes:
    members = ",".join(f'"{name}":"{value}"' for name, value in data.items())
    document = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{%s}}'
    return (document % members).encode()


async def apply(cluster: Cluster, manager: str, body: bytes, **options: Any) -> Any:
    return await cluster.patch(CONFIG_MAPS, "c", body, APPLY, field_manager=manager, **options)


async def test_an_apply_creates_changes_and_takes_back(cluster: Cluster) -> None:
    assert (await apply(cluster, "m", applied(a="1", b="2"))).created
    written = await apply(cluster, "m", applied(a="3"))
    assert not written.created
    assert written.stored.object["data"] == {"a": "3"}


async def test_the_same_apply_again_makes_no_revision(cluster: Cluster) -> None:
    await apply(cluster, "m", applied(a="1"))
    before = await cluster.store.revision()
    await apply(cluster, "m", applied(a="1"))
    assert await cluster.store.revision() == before


async def test_an_apply_takes_a_field_of_another_manager_only_by_force(cluster: Cluster) -> None:
    await apply(cluster, "m", applied(a="1"))
    code, message = await refusal(apply(cluster, "n", applied(a="2")))
    assert code == 409
    assert 'conflict with "m"' in message
    written = await apply(cluster, "n", applied(a="2"), force=True)
    assert written.stored.object["data"] == {"a": "2"}


async def test_an_apply_of_an_object_that_is_gone_does_not_create_it(cluster: Cluster) -> None:
    body = applied().replace(b'"name":"c"', b'"name":"c","uid":"u"')
    code, message = await refusal(apply(cluster, "m", body))
    assert code == 409
    assert message.endswith(
        "uid mismatch: the provided object specified uid u, and no existing object was found"
    )
    assert not cluster.exists(CONFIG_MAPS, "c")


# Delete.


async def test_a_delete_removes_what_nothing_holds(cluster: Cluster, made: Object) -> None:
    written = await cluster.delete(CONFIG_MAPS, "c", uid=made["metadata"]["uid"])
    assert written.removed
    assert written.stored.metadata["uid"] == made["metadata"]["uid"]
    assert (await refusal(cluster.delete(CONFIG_MAPS, "c")))[0] == 404


@pytest.mark.parametrize("options", [{"uid": "other"}, {"resource_version": "1"}])
async def test_a_delete_of_another_object_or_state_is_refused(
    cluster: Cluster, made: Object, options: dict[str, Any]
) -> None:
    assert (await refusal(cluster.delete(CONFIG_MAPS, "c", **options)))[0] == 409
    assert cluster.get(CONFIG_MAPS, "c") == made


async def test_what_a_finalizer_holds_is_marked_once_and_goes_with_the_last_one(
    cluster: Cluster,
) -> None:
    held = with_metadata(config_map(), finalizers=["a.b/c"])
    await cluster.create(CONFIG_MAPS, held)
    marked = await cluster.delete(CONFIG_MAPS, "c")
    assert not marked.removed
    before = await cluster.store.revision()
    again = await cluster.delete(CONFIG_MAPS, "c")
    assert again.stored.body == marked.stored.body
    assert await cluster.store.revision() == before
    dry = await cluster.patch(CONFIG_MAPS, "c", b'{"metadata":{"finalizers":null}}', dry_run=True)
    assert dry.removed
    assert await cluster.store.revision() == before
    gone = await cluster.patch(CONFIG_MAPS, "c", b'{"metadata":{"finalizers":null}}')
    assert gone.removed
    assert "finalizers" not in gone.stored.metadata
    assert (await refusal(cluster.delete(CONFIG_MAPS, "c")))[0] == 404


async def test_a_pod_on_a_node_is_given_its_grace(cluster: Cluster) -> None:
    await cluster.create(PODS, pod("p", "ns", nodeName="n", terminationGracePeriodSeconds=9))
    marked = await cluster.delete(PODS, "p")
    assert not marked.removed
    assert marked.stored.metadata["deletionGracePeriodSeconds"] == 9


async def test_dependents_that_are_to_stay_are_noted_in_the_object(cluster: Cluster) -> None:
    await cluster.create(CONFIG_MAPS, config_map())
    marked = await cluster.delete(CONFIG_MAPS, "c", propagation_policy="Orphan")
    assert marked.stored.metadata["finalizers"] == ["orphan"]
