"""Structs as messages show them."""

from __future__ import annotations

from apiserver.resources.builtin.parts.difference import difference
from apiserver.schema.internalform import internal_form, show_internal


def test_a_struct_shows_all_its_members_by_their_go_names() -> None:
    assert show_internal("core.v1.Toleration", {"key": "a", "tolerationSeconds": 0}) == (
        '{"Key":"a","Operator":"","Value":"","Effect":"","TolerationSeconds":0}'
    )
    assert show_internal("core.v1.Toleration", None) == "null"


def test_embedded_structs_are_part_of_their_parent() -> None:
    shown = internal_form("core.v1.Probe", {"tcpSocket": {"port": "http"}, "periodSeconds": 3})
    assert list(shown)[:5] == ["Exec", "HTTPGet", "TCPSocket", "GRPC", "InitialDelaySeconds"]
    assert shown["TCPSocket"] == {"Port": "http", "Host": ""}


def test_what_a_pod_shares_with_its_host_is_in_its_security_context() -> None:
    shown = internal_form("core.v1.PodSpec", {"hostPID": True})
    assert shown["SecurityContext"]["HostPID"] is True
    assert shown["SecurityContext"]["HostUsers"] is None
    assert "HostPID" not in shown
    assert internal_form("core.v1.PodSpec", {})["SecurityContext"] is None


def test_types_of_the_meta_group_look_as_they_are_sent() -> None:
    selector = {"matchLabels": {"a": "b"}}
    shown = internal_form("core.v1.PodAffinityTerm", {"labelSelector": selector})
    assert shown["LabelSelector"] == selector


def test_a_difference_shows_three_lines_around_a_change() -> None:
    old, new = {"a": 1, "b": [], "c": None, "d": 2, "e": 3}, {"a": 1, "b": [], "c": None, "d": 4}
    assert difference(old, {**new, "e": 3}) == (
        '@@ -2,6 +2,6 @@\n  "a": 1,\n  "b": [],\n  "c": null,\n- "d": 2,\n+ "d": 4,\n  "e": 3\n }\n'
    )
    assert difference(old, dict(old)) == ""
    assert '+ "a": "\\u003cb\\u003e"\n' in difference({"a": ""}, {"a": "<b>"})
