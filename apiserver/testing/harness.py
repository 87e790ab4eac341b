"""ApiServer: a server for tests, from the side of the tests."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

from apiserver.testing import crd_manifests, kube_users
from apiserver.testing.control_client import ControlClient
from apiserver.testing.fault_switches import FaultSwitches
from apiserver.testing.kube_users import KubeUser
from apiserver.testing.launched import Launched
from apiserver.testing.launching import launch, tail
from apiserver.testing.request_log import Request, RequestLog
from apiserver.testing.rest import RequestRefused, RestClient
from apiserver.testing.server_clock import ServerClock

T = TypeVar("T")

START_SECONDS: Final = 60.0
WAIT_SECONDS: Final = 30.0
#: How long a condition is not looked at if nothing happens on the server.
_LOOK_SECONDS: Final = 0.05
_ADMIN: Final = ("kubernetes-admin", ("system:masters",))


class ConditionNotMet(AssertionError):
    """A condition was not met in time."""


@dataclass(frozen=True)
class Snapshot:
    """The state of a server at a revision."""

    number: int
    revision: int


class ApiServer:
    """A Kubernetes API server for tests, with its data in memory.

    ``flags`` are flags of the server. ``in_process``: it runs in a thread of this process, for
    debugging. With a ``seed``, UIDs and generated names depend on it. ``launched`` is a server that
    is about to run already. Use it as a context manager,
    also with ``async with``, or call `start` and `stop`::

        with ApiServer("--service-cluster-ip-range=10.1.0.0/16") as server:
            subprocess.run(["kubectl", "get", "namespaces"], env=server.environment())

    Methods raise ControlFailed if the server's process is gone.
    """

    def __init__(
        self,
        *flags: str,
        in_process: bool = False,
        seed: int | None = None,
        start_timeout: float = START_SECONDS,
        launched: Launched | None = None,
    ) -> None:
        self._flags = flags
        self._in_process = in_process
        self._seed = seed
        self._start_timeout = start_timeout
        self._launched = launched
        self._users = count(1)
        self._namespaces = count(1)

    def __enter__(self) -> ApiServer:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    async def __aenter__(self) -> ApiServer:
        from asyncio import to_thread

        await to_thread(self.start)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        from asyncio import to_thread

        await to_thread(self.stop)

    def start(self) -> None:
        """Start the server and wait until it is ready. Raises StartFailed."""
        launched = self._launched or launch(self._flags, self._seed, in_process=self._in_process)
        try:
            ready = launched.wait(self._start_timeout)
        except BaseException:
            self._launched = None
            launched.stop()
            raise
        self._launched = launched
        #: The URL, and the file of the CA that its certificate is from.
        self.url: str = ready["url"]
        self.ca_file = Path(ready["ca_file"])
        #: The directory of all files of the server; it is removed with it.
        self.directory = Path(ready["directory"])
        self._control = ControlClient(ready["control"], ready["control_token"])
        authority = self.ca_file.read_text()
        self._rest = RestClient(self.url, authority, ready["token"])
        self._start = Snapshot(ready["snapshot"], ready["revision"])
        self._ended = weakref.finalize(self, launched.stop)
        #: The faults, the time and the requests of the server.
        self.faults = FaultSwitches(self._control)
        self.clock = ServerClock(self._control)
        self.requests = RequestLog(self._fetch_requests, self._clear_requests)
        #: The administrator, and the path of a kubeconfig.
        self.admin = self.user(*_ADMIN)
        self.kubeconfig = self.admin.kubeconfig

    def stop(self) -> None:
        """Stop the server and remove its data."""
        if self._launched is not None:
            self._rest.close()
            self._control.close()
            self._ended()
            self._launched = None

    def environment(self) -> dict[str, str]:
        """Return the environment of this process with KUBECONFIG set, for a subprocess."""
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig)}

    @property
    def control(self) -> ControlClient:
        """The control channel."""
        return self._control

    @property
    def revision(self) -> int:
        """The revision of the last change."""
        return int(self._control.call("revision"))

    # Going back.

    def snapshot(self) -> Snapshot:
        """Remember the state of now."""
        return Snapshot(**self._control.call("snapshot"))

    def forget(self, snapshot: Snapshot) -> None:
        """Drop a snapshot."""
        self._control.call("forget_snapshot", number=snapshot.number)

    def reset(self, snapshot: Snapshot | None = None, *, watches: str = "continue") -> int:
        """Go back to a snapshot, or to how the server was started; return how much has changed.

        Everything that is stored comes back: objects of all kinds, what defines kinds and rights,
        what is allocated. Revisions go on. Open watches ``continue``, and see ordinary events; or
        their connections ``close``; or they ``expire``: they end with 410, and so do those that
        resume from before, as history is compacted.
        """
        back = self._start if snapshot is None else snapshot
        result = self._control.call("reset", snapshot=back.number, watches=watches)
        return int(result["changed"])

    def compact(self) -> None:
        """Compact history up to now; watches that are open or older end with 410 Expired."""
        self._control.call("compact")

    def seed(self, seed: int | None) -> None:
        """Begin the sequences of UIDs and generated names again; ``None``: they are random."""
        self._control.call("seed", seed=seed)

    # Acting as the administrator.

    def request(self, method: str, path: str, body: Any = None, content_type: str = "") -> Any:
        """Send a request as an administrator that no fault hits. Raises RequestRefused."""
        return self._rest.request(method, path, body, content_type)

    def user(
        self,
        name: str,
        groups: Iterable[str] = (),
        *,
        can: Mapping[str, str | Iterable[str]] | None = None,
        rules: Sequence[Mapping[str, Any]] = (),
        namespace: str = "",
    ) -> KubeUser:
        """Return the credentials of a user.

        ``can`` says what it may do, as in ``{"pods": "get,list"}``; ``rules`` are further rules of
        RBAC. Both are for one ``namespace``, or for the whole cluster.
        """
        of_groups = tuple(groups)
        token = self._control.call("add_user", name=name, groups=of_groups)
        granted = [*kube_users.rules_of(can or {}), *rules]
        if granted:
            kube_users.grant(self._rest, name, granted, namespace)
        path = self.directory / f"user-{next(self._users)}.kubeconfig"
        kube_users.write_user_kubeconfig(
            path, name, self.url, token, self.ca_file.read_bytes(), namespace or "default"
        )
        return KubeUser(name, of_groups, self.url, token, self.ca_file, path)

    def install_crds(
        self, *sources: crd_manifests.Source, timeout: float = WAIT_SECONDS
    ) -> list[str]:
        """Install definitions from files, directories or documents; return their names.

        They are served when this returns. Raises CRDNotEstablished and RequestRefused.
        """
        return crd_manifests.install(self._rest, sources, timeout)

    @contextmanager
    def namespace(self, prefix: str = "test") -> Iterator[str]:
        """Yield the name of a new namespace, which is deleted with the block."""
        name = f"{prefix}-{next(self._namespaces)}"
        document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self._rest.request("POST", "/api/v1/namespaces", document)
        try:
            yield name
        finally:
            with suppress(RequestRefused):
                self._rest.request("DELETE", f"/api/v1/namespaces/{name}")

    # Inspection.

    def history(
        self, api_version: str, resource: str, namespace: str, name: str
    ) -> list[tuple[int, Any]]:
        """Return the states of an object: revision, and object, ``None`` for its deletion."""
        states = self._control.call(
            "history", api_version=api_version, plural=resource, namespace=namespace, name=name
        )
        return [(state["revision"], state["object"]) for state in states]

    def diff(self, before: int, after: int | None = None) -> list[dict[str, Any]]:
        """Return what differs between two revisions, the second one being now by default.

        Each difference has a ``key`` (as in ``pods/default/a``) and the objects ``before`` and
        ``after``, of which one is ``None`` where there is no object.
        """
        until = self.revision if after is None else after
        found: list[dict[str, Any]] = self._control.call("differences", before=before, after=until)
        return found

    def log(self, lines: int = 40) -> str:
        """Return the last lines of the server's log; one in this process has none of its own."""
        path = self.directory / "log"
        return tail(path, lines) if path.is_file() else ""

    # Waiting.

    def wait_for(self, condition: Callable[[], T], timeout: float = WAIT_SECONDS) -> T:
        """Wait until a condition holds, and return what it returned.

        It is looked at after every change and every request on the server. A condition that raises
        RequestRefused (as in 404) or KeyError does not hold yet. Raises ConditionNotMet.
        """
        deadline = time.monotonic() + timeout
        while True:
            revision, requests = self.revision, self._count_requests()
            try:
                result, why = condition(), ""
            except (RequestRefused, LookupError) as error:
                result, why = None, f": {error}"
            if result:
                return result
            left = deadline - time.monotonic()
            if left <= 0:
                raise ConditionNotMet(f"it does not hold after {timeout:g} seconds{why}")
            self._control.call(
                "wait_for_change",
                revision=revision,
                requests=requests,
                timeout=min(left, _LOOK_SECONDS),
            )

    async def until(self, condition: Callable[[], T], timeout: float = WAIT_SECONDS) -> T:
        """Do the same without blocking the event loop; the condition runs in a thread."""
        from asyncio import to_thread

        return await to_thread(self.wait_for, condition, timeout)

    def settle(self, quiet: float = 0.02, timeout: float = WAIT_SECONDS) -> None:
        """Wait until controllers have nothing to do, and nothing changes for ``quiet`` seconds."""
        self._control.call("settle", quiet=quiet, timeout=timeout)

    def _fetch_requests(self) -> list[Request]:
        found = self._control.call("requests")
        return [Request.of(each) for each in found]

    def _count_requests(self) -> int:
        return int(self._control.call("count_requests"))

    def _clear_requests(self) -> None:
        self._control.call("clear_requests")
