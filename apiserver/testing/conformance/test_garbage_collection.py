"""Dependents are deleted with their owners, or orphaned, if a garbage collector runs."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any, Final

import pytest

from apiserver.testing.conformance.conformance_client import Api
from apiserver.testing.conformance.sample_objects import config_map

#: Seconds in which a running garbage collector deletes objects without owners.
_TIMEOUT: Final = 10.0


@pytest.fixture(scope="module")
def collector(api: Api) -> Iterator[None]:
    """Skip without a garbage collector: objects whose owner does not exist are kept."""
    name = f"conformance-{uuid.uuid4().hex[:8]}"
    api.make("/api/v1/namespaces", {"metadata": {"name": name}})
    path = f"/api/v1/namespaces/{name}/configmaps"
    made_up = {"metadata": {"name": "none", "uid": str(uuid.uuid4())}}
    api.make(path, dependent("orphan", made_up))
    deadline = time.monotonic() + _TIMEOUT
    try:
        while api.get(f"{path}/orphan").status != 404:
            if time.monotonic() > deadline:
                pytest.skip("no garbage collector runs")
            time.sleep(0.05)
        yield
    finally:
        api.send("DELETE", f"/api/v1/namespaces/{name}")


def dependent(name: str, owner: dict[str, Any], *, blocks: bool = False) -> dict[str, Any]:
    document = config_map(name)
    reference = {
        "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "blockOwnerDeletion": blocks,
    }  # fmt: skip
    document["metadata"]["ownerReferences"] = [reference]
    return document


@pytest.fixture
def owner(collector: None, api: Api, configmaps: str) -> dict[str, Any]:
    """Return an object that others may depend on."""
    made: dict[str, Any] = api.make(configmaps, config_map("owner"))
    return made


@pytest.mark.parametrize("policy", ["Background", "Foreground", ""])
def test_dependents_are_deleted(
    api: Api, configmaps: str, owner: dict[str, Any], policy: str
) -> None:
    api.make(configmaps, dependent("a", owner, blocks=True))
    query = f"?propagationPolicy={policy}" if policy else ""
    assert api.send("DELETE", f"{configmaps}/owner{query}").status == 200
    api.wait_for(lambda: api.get(f"{configmaps}/a").status == 404)
    api.wait_for(lambda: api.get(f"{configmaps}/owner").status == 404)


def test_orphans_remain_and_lose_their_owner(
    api: Api, configmaps: str, owner: dict[str, Any]
) -> None:
    made = api.make(configmaps, dependent("a", owner))
    assert api.send("DELETE", f"{configmaps}/owner?propagationPolicy=Orphan").status == 200
    api.wait_for(lambda: api.get(f"{configmaps}/owner").status == 404)
    found = api.read(f"{configmaps}/a")
    assert found["metadata"]["uid"] == made["metadata"]["uid"]
    assert "ownerReferences" not in found["metadata"]


def test_a_second_owner_keeps_what_the_first_leaves(
    api: Api, configmaps: str, owner: dict[str, Any]
) -> None:
    other = api.make(configmaps, config_map("other"))
    document = dependent("a", owner)
    document["metadata"]["ownerReferences"] += dependent("a", other)["metadata"]["ownerReferences"]
    api.make(configmaps, document)
    api.send("DELETE", f"{configmaps}/owner")
    left = api.wait_for(
        lambda: (
            len(found := api.read(f"{configmaps}/a")["metadata"]["ownerReferences"]) == 1 and found
        )
    )
    assert [each["name"] for each in left] == ["other"]
