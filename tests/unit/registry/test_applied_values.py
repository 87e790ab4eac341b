"""Applied values that the schema of merging admits but that do not fit the types of the kind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apiserver.machinery.gvk import GroupVersionResource
from tests.unit.registry.watched import APPLY, Cluster, refusal

KINDS = {
    "v1/Pod": GroupVersionResource("", "v1", "pods"),
    "v1/Service": GroupVersionResource("", "v1", "services"),
    "v1/Secret": GroupVersionResource("", "v1", "secrets"),
    "coordination.k8s.io/v1/Lease": GroupVersionResource("coordination.k8s.io", "v1", "leases"),
    "apps/v1/Deployment": GroupVersionResource("apps", "v1", "deployments"),
}
QUANTITY = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)


def applied(kind: str, **members: Any) -> bytes:
    api_version, _, name = kind.rpartition("/")
    metadata = {"name": "c", **members.pop("metadata", {})}
    return json.dumps(
        {"apiVersion": api_version, "kind": name, "metadata": metadata, **members}
    ).encode()


async def apply(cluster: Cluster, kind: str, **members: Any) -> Any:
    body = applied(kind, **members)
    return await cluster.patch(KINDS[kind], "c", body, APPLY, field_manager="m")


def pod(**members: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "a", "image": "i", **members}]}}


@pytest.mark.parametrize(
    ("kind", "members", "complaint"),
    [
        ("v1/Pod", pod(resources={"limits": {"cpu": "much"}}), QUANTITY),
        (
            "v1/Pod",
            pod(livenessProbe={"httpGet": {"port": 1.5}}),
            "json: cannot unmarshal number 1.5 into Go value of type int32",
        ),
        (
            "v1/Pod",
            pod(livenessProbe={"httpGet": {"port": 80}, "periodSeconds": 2.5}),
            "cannot convert float64 to int32",
        ),
        (
            "v1/Secret",
            {"data": {"k": "not base64!"}},
            "error decoding from json: illegal base64 data at input byte 3",
        ),
        (
            "v1/Secret",
            {"metadata": {"creationTimestamp": "yesterday"}},
            'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": '
            'cannot parse "yesterday" as "2006"',
        ),
        (
            "coordination.k8s.io/v1/Lease",
            {"spec": {"renewTime": 5}},
            "json: cannot unmarshal number into Go value of type string",
        ),
    ],
)
async def test_a_value_of_another_type_is_refused_without_its_path(
    cluster: Cluster, kind: str, members: dict[str, Any], complaint: str
) -> None:
    group_version, _, name = kind.rpartition("/")
    stated = f"{group_version if '/' in group_version else '/' + group_version}, Kind={name}"
    assert await refusal(apply(cluster, kind, **members)) == (
        500,
        f"failed to convert new object (/c; {stated}) to proper version: "
        f"unable to convert unstructured object to {stated}: {complaint}",
    )


async def test_numbers_are_converted_as_go_converts_them(cluster: Cluster) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, **pod()}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    written = await apply(
        cluster, "apps/v1/Deployment", spec={**spec, "replicas": 2.0, "minReadySeconds": 2**32 + 1}
    )
    assert written.stored.object["spec"]["replicas"] == 2
    assert written.stored.object["spec"]["minReadySeconds"] == 1
