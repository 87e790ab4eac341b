"""Where requests may be forwarded to."""

from __future__ import annotations

import pytest

from apiserver.registry.subresources.destinations import is_kubelet_reachable, is_reachable

LOCAL = ["127.0.0.1", "127.9.9.9", "::1"]
DISGUISED = [
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "2002:7f00:1::",
    "2002:a9fe:a9fe::1", "64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "64:ff9b:1::127.0.0.1",
    "2001:0:7f00:1::", "2001:0:0a00:1:0:0:80ff:fffe", "::ffff:0.0.0.0", "::ffff:224.0.0.1",
]  # fmt: skip
UNREACHABLE = [
    "169.254.169.254", "fe80::1", "fe80::1%eth0", "0.0.0.0", "::", "224.0.0.1", "ff02::1",
    "255.255.255.255", "", "nonsense", "127.1",
]  # fmt: skip
REACHABLE = [
    "10.0.0.1", "192.168.1.1", "2001:db8::1", "2001:db8::1%eth0", "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1", "2002:a00:1::1",
]  # fmt: skip


@pytest.mark.parametrize("address", [*LOCAL, *DISGUISED, *UNREACHABLE])
def test_what_only_this_machine_reaches_is_refused(address: str) -> None:
    assert not is_reachable(address)


@pytest.mark.parametrize("address", [*DISGUISED, *UNREACHABLE])
def test_a_kubelet_is_not_there_either(address: str) -> None:
    assert not is_kubelet_reachable(address)


@pytest.mark.parametrize("address", LOCAL)
def test_a_kubelet_may_share_the_machine(address: str) -> None:
    assert is_kubelet_reachable(address)


@pytest.mark.parametrize("address", REACHABLE)
def test_other_addresses_are_reached(address: str) -> None:
    assert is_reachable(address)
    assert is_kubelet_reachable(address)
