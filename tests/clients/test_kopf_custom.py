"""An operator of kopf on a custom kind: handlers, patches of the status, finalizers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from tests.clients.conftest import ON_ETCD, WAITS, Kubectl
from tests.clients.test_kopf import running_operator
from tests.clients.wolves import a_group, wolf, wolves

pytestmark = ON_ETCD

OPERATOR: Final = """
import json, os
import kopf

def tell(what, name, **more):
    with open(os.environ["DIARY"], "a") as diary:
        diary.write(json.dumps({"what": what, "name": name, **more}) + "\\n")

@kopf.on.startup()
def configure(settings, **_):
    settings.persistence.finalizer = "wolves.example.com/operator"
    settings.persistence.progress_storage = kopf.StatusProgressStorage()

@kopf.on.create("GROUP", "v1", "wolves")
def made(spec, name, patch, **_):
    patch.status["children"] = spec["size"]
    tell("made", name, size=spec["size"])
    return {"done": True}

@kopf.on.update("GROUP", "v1", "wolves", field="spec.size")
def changed(old, new, name, **_):
    tell("changed", name, old=old, new=new)

@kopf.on.delete("GROUP", "v1", "wolves")
def removed(name, **_):
    tell("removed", name)
"""


def test_an_operator_serves_its_own_kind(kubectl: Kubectl, tmp_path: Path) -> None:
    group = a_group()
    kubectl("create", "-f", "-", stdin=json.dumps(wolves(group)))
    definition, path = f"crd/wolves.{group}", f"wolves.{group}/a"
    kubectl("wait", "--for=condition=Established", definition, WAITS)
    with running_operator(kubectl, tmp_path, OPERATOR.replace("GROUP", group)) as operator:
        kubectl("create", "-f", "-", stdin=json.dumps(wolf(group)))
        kubectl("wait", path, WAITS, "--for=jsonpath={.status.children}=3")
        kubectl("wait", path, WAITS, "--for=jsonpath={.status.made.done}=true")
        stored = kubectl.json("get", path)
        assert stored["metadata"]["finalizers"] == ["wolves.example.com/operator"]
        assert stored["metadata"]["generation"] == 1
        kubectl("patch", path, "--type=merge", "-p", '{"spec":{"size":4}}')
        operator.wait_until(lambda: "changed" in operator.of("a"))
        kubectl("delete", path, WAITS)
        assert operator.of("a") == ["made", "changed", "removed"]
        # The kind goes while the operator watches it.
        kubectl("delete", definition, WAITS)
