"""Volumes of every source."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.resources.builtin.parts.podrules import OF_POD, OF_TEMPLATE
from apiserver.resources.builtin.parts.volumes import validate_volumes

LONG_PORTAL = "192.0.2.1:" + "1" * 60
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}

SOURCES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("emptyDir", {"sizeLimit": "-1"}, [
        "v[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity"]),
    ("hostPath", {"path": ""}, ["v[0].hostPath.path: Required value"]),
    ("hostPath", {"path": "/x", "type": "Dir"}, [
        'v[0].hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", '
        '"CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"']),
    ("gcePersistentDisk", {"pdName": "", "partition": 256}, [
        "v[0].persistentDisk.pdName: Required value",
        "v[0].persistentDisk.partition: Invalid value: 256: must be between 1 and 255, "
        "inclusive"]),
    ("gitRepo", {"repository": "", "directory": "/x"}, [
        "v[0].gitRepo.repository: Required value",
        'v[0].gitRepo.directory: Invalid value: "/x": must be a relative path']),
    ("secret", {"secretName": "s", "defaultMode": 512}, [
        "v[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), "
        "both inclusive"]),
    ("iscsi", {"targetPortal": "", "iqn": "x", "lun": 256, "chapAuthSession": True}, [
        "v[0].iscsi.targetPortal: Required value",
        'v[0].iscsi.iqn: Invalid value: "x": must be valid format starting with iqn, eui, or naa',
        "v[0].iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive",
        "v[0].iscsi.secretRef: Required value"]),
    ("iscsi", {"targetPortal": LONG_PORTAL, "iqn": "iqn.2001-04.com.example:x", "lun": 0,
               "initiatorName": "iqn.2001-04.com.example:y"}, [
        'v[0].name: Invalid value: "a": Total length of <volume name>:<iscsi.targetPortal> must be '
        "under 64 characters if iscsi.initiatorName is specified."]),
    ("fc", {"targetWWNs": ["a"], "wwids": ["b"]}, [
        'v[0].fc.targetWWNs: Invalid value: ["a"]: targetWWNs and wwids can not be specified '
        "simultaneously",
        "v[0].fc.lun: Required value: lun is required if targetWWNs is specified"]),
    ("flocker", {}, [
        "v[0].flocker: Required value: one of datasetName and datasetUUID is required"]),
    ("quobyte", {"registry": "x", "volume": ""}, [
        'v[0].quobyte.registry: Invalid value: "x": must be a host:port pair or multiple pairs '
        "separated by commas",
        "v[0].quobyte.volume: Required value"]),
    ("flexVolume", {"driver": "", "options": {"kubernetes.io/x": "y"}}, [
        "v[0].flexVolume.driver: Required value",
        'v[0].flexVolume.options[kubernetes.io/x]: Invalid value: "kubernetes.io/x": kubernetes.io '
        "and k8s.io namespaces are reserved"]),
    ("azureDisk", {"diskName": "d", "diskURI": "x", "kind": "Managed", "cachingMode": "Some"}, [
        'v[0].azureDisk.cachingMode: Unsupported value: "Some": supported values: "None", '
        '"ReadOnly", "ReadWrite"',
        'v[0].azureDisk.diskURI: Unsupported value: "x": supported values: "/subscriptions/'
        '{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"']),
    ("csi", {"driver": "", "nodePublishSecretRef": {}}, [
        "v[0].csi.driver: Required value",
        "v[0].csi.nodePublishSecretRef.name: Required value"]),
    ("image", {"pullPolicy": "Sometimes"}, [
        "v[0].image.reference: Required value",
        'v[0].image.pullPolicy: Unsupported value: "Sometimes": supported values: "Always", '
        '"IfNotPresent", "Never"']),
    ("downwardAPI", {"items": [{"path": "a"}, {"path": "b", "fieldRef": {
        "apiVersion": "v1", "fieldPath": "status.podIP"}}]}, [
        "v[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required",
        'v[0].downwardAPI.fieldRef.fieldPath: Unsupported value: "status.podIP": supported values: '
        '"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", '
        '"metadata.uid"']),
    ("ephemeral", {"volumeClaimTemplate": {"metadata": {"name": "x"}, "spec": {"resources": {}}}}, [
        "v[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set",
        "v[0].ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access "
        "mode is required",
        "v[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value"]),
    ("projected", {"sources": [
        {"secret": {"name": "s", "items": [{"key": "k", "path": "p"}]},
         "configMap": {"name": "", "items": [{"key": "k", "path": "p"}]}},
        {"serviceAccountToken": {"path": "t", "expirationSeconds": 60}}]}, [
        "v[0].projected.sources[0].configMap.name: Required value",
        'v[0].projected: Invalid value: "": conflicting duplicate paths',
        "v[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source",
        "v[0].projected.sources[1].serviceAccountToken.expirationSeconds: Invalid value: 60: may "
        "not specify a duration less than 10 minutes"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "source", "errors"), SOURCES)
def test_the_mistakes_of_a_source_are_told(
    kind: str, source: dict[str, Any], errors: list[str]
) -> None:
    sound, found = validate_volumes([{"name": "a", kind: source}], "", "v", OF_POD)
    assert [str(error) for error in found] == errors
    assert sound == {}


MEMBERS = [
    ("awsElasticBlockStore", "volumeID"),
    ("glusterfs", "endpoints"),
    ("persistentVolumeClaim", "claimName"),
    ("rbd", "monitors"),
    ("cinder", "volumeID"),
    ("cephfs", "monitors"),
    ("azureFile", "secretName"),
    ("vsphereVolume", "volumePath"),
    ("photonPersistentDisk", "pdID"),
    ("portworxVolume", "volumeID"),
    ("scaleIO", "gateway"),
    ("storageos", "volumeName"),
    ("nfs", "server"),
    ("configMap", "name"),
]


@pytest.mark.parametrize(("kind", "member"), MEMBERS)
def test_a_source_says_what_it_is_a_source_of(kind: str, member: str) -> None:
    _, errors = validate_volumes([{"name": "a", kind: {}}], "", "v", OF_TEMPLATE)
    assert str(errors[0]) == f"v[0].{kind}.{member}: Required value"


def test_a_volume_has_one_source() -> None:
    volume = {"name": "a", "emptyDir": {}, "downwardAPI": {}, "cephfs": {}}
    _, errors = validate_volumes([volume], "", "v", OF_POD)
    detail = "Forbidden: may not specify more than 1 volume type"
    assert [str(error) for error in errors] == [
        f"v[0].cephFS: {detail}",
        f"v[0].downwarAPI: {detail}",
    ]
    _, errors = validate_volumes([{"name": "a"}], "", "v", OF_POD)
    assert str(errors[0]) == "v[0]: Required value: must specify a volume type"


def test_a_claim_that_is_made_for_a_pod_is_not_mounted_as_another() -> None:
    volumes = [
        {"name": "a", "ephemeral": {"volumeClaimTemplate": {"metadata": {}, "spec": CLAIM}}},
        {"name": "b", "persistentVolumeClaim": {"claimName": "pod-a"}},
    ]
    sound, errors = validate_volumes(volumes, "pod", "v", OF_POD)
    assert list(sound) == ["a", "b"]
    assert [str(error) for error in errors] == [
        'v[1].persistentVolumeClaim.claimName: Invalid value: "pod-a": must not reference a PVC '
        "that gets created for an ephemeral volume"
    ]
