"""A kopf operator on a built-in kind: handlers, finalizers, timers and restarts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.clients.conftest import ON_SQLITE, WAITS, Kubectl, forget_history, in_new_namespace
from tests.server_process import ServerProcess
from tests.waiting import PATIENCE, wait_until

OPERATOR: Final = """
import json, os
import kopf

def tell(what, name, **more):
    with open(os.environ["DIARY"], "a") as diary:
        diary.write(json.dumps({"what": what, "name": name, **more}) + "\\n")

watched = {"labels": {"watched": "yes"}}

@kopf.on.startup()
def configure(settings, **_):
    settings.networking.error_backoffs = [0.1] * 300
    settings.watching.reconnect_backoff = 0.05

@kopf.on.create("configmaps", **watched)
def made(body, name, patch, **_):
    kopf.info(body, reason="Greeted", message=f"said hello to {name}")
    patch.setdefault("data", {})["greeting"] = f"hello, {name}"
    tell("made", name)

@kopf.on.update("configmaps", field="data", **watched)
def changed(name, diff, **_):
    tell("changed", name, diff=[[each[0], list(each[1]), *each[2:]] for each in diff])

@kopf.on.delete("configmaps", **watched)
def removed(name, **_):
    tell("removed", name)

@kopf.timer("configmaps", interval=0.2, labels={"watched": "yes", "ticking": kopf.PRESENT})
def ticked(name, **_):
    tell("ticked", name)
"""


class Operator:
    """The operator's process, and the diary that it keeps of what it was told."""

    def __init__(self, diary: Path, process: subprocess.Popen[bytes], log: Path) -> None:
        self._diary = diary
        self._process = process
        self._log = log

    def told(self) -> list[dict[str, Any]]:
        """Return what is in the diary."""
        return [json.loads(line) for line in self._diary.read_text().splitlines()]

    def log(self) -> str:
        """Return what the operator says of itself."""
        return self._log.read_text()

    def of(self, name: str) -> list[str]:
        """Return what was told of an object, but for the ticks of its timer."""
        return [
            each["what"]
            for each in self.told()
            if each["name"] == name and each["what"] != "ticked"
        ]

    def ticks(self) -> int:
        """Return how many times a timer has gone off."""
        return sum(each["what"] == "ticked" for each in self.told())

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds; the operator must still run then."""
        wait_until(lambda: holds() or self._process.poll() is not None)
        assert holds(), (self.told()[-20:], self.log())


@contextmanager
def running_operator(
    kubectl: Kubectl, directory: Path, program: str = OPERATOR
) -> Iterator[Operator]:
    """Run an operator in the namespace of kubectl; it must end well."""
    source, diary, log = directory / "operator.py", directory / "diary", directory / "log"
    source.write_text(program)
    diary.touch()
    command = [
        sys.executable,
        "-m",
        "kopf",
        "run",
        "--standalone",
        "--debug",
        f"--namespace={kubectl.namespace}",
    ]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, str(source)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **kubectl.environment, "DIARY": str(diary)},
        )
    try:
        yield Operator(diary, process, log)
        process.terminate()
        assert process.wait(PATIENCE) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def create(kubectl: Kubectl, name: str, **labels: str) -> None:
    metadata = {"name": name, "labels": {"watched": "yes", **labels}}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    kubectl.store(body)


def change(kubectl: Kubectl, name: str, **data: str) -> None:
    kubectl("patch", "configmap", name, "--type=merge", "-p", json.dumps({"data": data}))


@ON_SQLITE
def test_handlers_see_an_object_from_its_creation_to_its_end(
    kubectl: Kubectl, tmp_path: Path
) -> None:
    with running_operator(kubectl, tmp_path) as operator:
        create(kubectl, "a", ticking="yes")
        create(kubectl, "b", watched="no")
        operator.wait_until(lambda: "made" in operator.of("a"))
        wait = ("wait", "configmap/a", WAITS)
        kubectl(*wait, "--for=jsonpath={.data.greeting}=hello, a")
        metadata = kubectl.stored("configmap", "a")["metadata"]
        assert metadata["finalizers"] == ["kopf.zalando.org/KopfFinalizerMarker"]
        change(kubectl, "a", colour="red")
        operator.wait_until(lambda: has_changed(operator, "a", "red"))
        ticks = operator.ticks()
        operator.wait_until(lambda: operator.ticks() > ticks + 2)
        # The finalizer holds it until the handler has had its turn.
        kubectl("delete", "configmap", "a", WAITS)
        assert operator.of("a")[-1] == "removed"
        assert operator.of("b") == []
        operator.wait_until(lambda: "said hello to a" in kubectl("events"))


def test_an_operator_goes_on_after_restarts_and_after_history_is_forgotten(
    own_server: ServerProcess, own_kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl = own_kubectl
    with running_operator(kubectl, tmp_path) as operator:
        create(kubectl, "a", ticking="yes")
        kubectl("wait", "configmap/a", WAITS, "--for=jsonpath={.data.greeting}=hello, a")
        operator.wait_until(lambda: operator.ticks() > 0)
        own_server.kill()
        own_server.start()
        change(kubectl, "a", colour="red")
        operator.wait_until(lambda: has_changed(operator, "a", "red"))
        # What the operator has come to is before all of these, and then nobody knows it any more.
        elsewhere = in_new_namespace(own_server)
        for number in range(3):
            create(elsewhere, f"other-{number}")
        forget_history(own_server)
        create(kubectl, "b")
        change(kubectl, "a", colour="blue")
        kubectl("delete", "configmap", "a", "--wait=false")
        operator.wait_until(lambda: operator.of("a")[-1:] == ["removed"] and "b" in makes(operator))
        kubectl("wait", "--for=delete", "configmap/a", WAITS)
        assert makes(operator) == ["a", "b"]
        assert "Restarting the watch-stream for configmaps.v1" in operator.log()


def has_changed(operator: Operator, name: str, colour: str) -> bool:
    return any(
        each["name"] == name and change[1:2] == [["colour"]] and change[-1] == colour
        for each in operator.told()
        for change in each.get("diff", [])
    )


def makes(operator: Operator) -> list[str]:
    return [each["name"] for each in operator.told() if each["what"] == "made"]
