"""A server for other people's tests: started in a fraction of a second, reset in milliseconds.

::

    from apiserver.testing import ApiServer

    with ApiServer() as server:
        server.request("GET", "/api/v1/namespaces")

With pytest there is nothing to import: the plugin `apiserver.testing.plugin` brings fixtures.

The package has two halves. One runs in the process of the tests, and needs nothing but the standard
library: `harness`, `plugin` and what they use. The other runs beside the server, in its process:
`embedding` and what it uses. Between them is the control channel, a socket that only a server for
tests has. Importing the package imports neither half. Programs of their own are `command`,
`envtest_assets` and the tests in `conformance`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from apiserver.testing.control_client import ControlFailed
    from apiserver.testing.crd_manifests import CRDNotEstablished
    from apiserver.testing.fault_switches import Fault, FaultSwitches
    from apiserver.testing.harness import ApiServer, ConditionNotMet, Snapshot
    from apiserver.testing.kube_users import KubeUser
    from apiserver.testing.launched import StartFailed
    from apiserver.testing.request_log import Request, RequestLog
    from apiserver.testing.rest import RequestRefused

__all__ = [
    "ApiServer",
    "CRDNotEstablished",
    "ConditionNotMet",
    "ControlFailed",
    "Fault",
    "FaultSwitches",
    "KubeUser",
    "Request",
    "RequestLog",
    "RequestRefused",
    "Snapshot",
    "StartFailed",
]

_MODULES: Final = {
    "ApiServer": "harness",
    "CRDNotEstablished": "crd_manifests",
    "ConditionNotMet": "harness",
    "ControlFailed": "control_client",
    "Fault": "fault_switches",
    "FaultSwitches": "fault_switches",
    "KubeUser": "kube_users",
    "Request": "request_log",
    "RequestLog": "request_log",
    "RequestRefused": "rest",
    "Snapshot": "harness",
    "StartFailed": "launching",
}


def __getattr__(name: str) -> Any:
    """Import lazily: pytest always imports this package, and most runs do not use it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
