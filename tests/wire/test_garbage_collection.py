"""Deletion of dependents, by propagation policy."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.waiting import PATIENCE
from tests.wire.conftest import Api


async def make(api: Api, path: str, name: str, *owners: Any, **metadata: Any) -> Any:
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "ownerReferences": list(owners), **metadata},
    }
    answer = await api.post(path, document)
    assert answer.status == 201, answer.text
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": name,
        "uid": answer.json["metadata"]["uid"],
        "blockOwnerDeletion": True,
    }


async def delete(api: Api, path: str, policy: str) -> None:
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
    answer = await api.send("DELETE", path, options)
    assert answer.status == 200, answer.text


async def until_gone(api: Api, *paths: str) -> None:
    async with asyncio.timeout(PATIENCE):
        for path in paths:
            while (await api.get(path)).status != 404:
                await asyncio.sleep(0)


async def test_background_deletion_takes_the_dependents_after_their_owner(
    api: Api, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = await make(api, path, "owner")
    await make(api, path, "grandchild", await make(api, path, "child", owner))
    await delete(api, f"{path}/owner", "Background")
    assert (await api.get(f"{path}/owner")).status == 404
    await until_gone(api, f"{path}/child", f"{path}/grandchild")


async def test_foreground_deletion_takes_the_owner_after_its_dependents(
    api: Api, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = await make(api, path, "owner")
    child = await make(api, path, "child", owner, finalizers=["example.com/hold"])
    await make(api, path, "grandchild", child)
    await delete(api, f"{path}/owner", "Foreground")
    await until_gone(api, f"{path}/grandchild")
    waiting = (await api.get(f"{path}/owner")).json["metadata"]
    assert waiting["finalizers"] == ["foregroundDeletion"]
    patch = {"metadata": {"finalizers": None}}
    media_type = {"Content-Type": "application/merge-patch+json"}
    freed = await api.send("PATCH", f"{path}/child", patch, media_type)
    assert freed.status == 200, freed.text
    await until_gone(api, f"{path}/child", f"{path}/owner")


async def test_orphaning_deletion_leaves_the_dependents_without_their_owner(
    api: Api, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await make(api, path, "child", await make(api, path, "owner"))
    await delete(api, f"{path}/owner", "Orphan")
    await until_gone(api, f"{path}/owner")
    freed = await api.get(f"{path}/child")
    assert freed.status == 200
    assert "ownerReferences" not in freed.json["metadata"]
