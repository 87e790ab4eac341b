"""Containers, kubelets and the names that proxies are asked for."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.machinery.errors import BadRequest, Invalid, UnknownError
from apiserver.registry.subresources.locations import Location, chosen_container, kubelet_address
from apiserver.registry.subresources.logs import log_options


def pod(*names: str, init: tuple[str, ...] = ()) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": name} for name in names]}
    if init:
        spec["initContainers"] = [{"name": name} for name in init]
    return {"metadata": {"name": "p"}, "spec": spec}


@pytest.mark.parametrize(
    ("given", "asked", "chosen"),
    [
        (pod("a"), "", "a"),
        (pod("a", "b"), "b", "b"),
        (pod("a", init=("i",)), "i", "i"),
    ],
)
def test_the_container_that_is_meant_is_found(
    given: dict[str, Any], asked: str, chosen: str
) -> None:
    assert chosen_container(given, asked) == chosen


@pytest.mark.parametrize(
    ("given", "asked", "message"),
    [
        (pod("a"), "x", "container x is not valid for pod p"),
        (pod(), "", "a container name must be specified for pod p"),
        (pod("a", "b"), "", "a container name must be specified for pod p, choose one of: [a b]"),
        (
            pod("a", "b", init=("i", "j")),
            "",
            "a container name must be specified for pod p, choose one of: [a b] or one of the "
            "init containers: [i j]",
        ),
    ],
)
def test_a_container_that_is_not_clear_is_asked_for(
    given: dict[str, Any], asked: str, message: str
) -> None:
    with pytest.raises(BadRequest) as refusal:
        chosen_container(given, asked)
    assert refusal.value.message == message


def test_a_kubelet_is_where_its_node_says() -> None:
    addresses = [
        {"type": "ExternalIP", "address": "192.0.2.1"},
        {"type": "InternalIP", "address": "10.0.0.1"},
    ]
    node = {"status": {"addresses": addresses}}
    assert kubelet_address(node) == ("10.0.0.1", 10250)
    node["status"]["daemonEndpoints"] = {"kubeletEndpoint": {"Port": 1234}}  # type: ignore[assignment]
    assert kubelet_address(node) == ("10.0.0.1", 1234)


def test_a_node_without_an_address_cannot_be_reached() -> None:
    with pytest.raises(UnknownError) as refusal:
        kubelet_address({"status": {}})
    assert refusal.value.message == "no preferred addresses found; known addresses: []"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        (Location("http", "10.0.0.1", 80, "/a", "b=c"), "http://10.0.0.1:80/a?b=c"),
        (Location("https", "fd00::1", 0), "https://[fd00::1]"),
    ],
)
def test_a_location_is_a_url(location: Location, url: str) -> None:
    assert location.url == url


INVALID = [
    ({"tailLines": ["-1"]}, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
    ({"limitBytes": ["0"]}, "limitBytes: Invalid value: 0: must be greater than 0"),
    ({"sinceSeconds": ["0"]}, "sinceSeconds: Invalid value: 0: must be greater than 0"),
    (
        {"sinceSeconds": ["1"], "sinceTime": ["2026-01-01T00:00:00Z"]},
        "[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
    ),
    ({"stream": ["Stdout"]}, "stream: Forbidden: may not be specified"),
]


@pytest.mark.parametrize(("query", "error"), INVALID)
def test_options_of_logs_that_make_no_sense_are_refused(
    query: dict[str, list[str]], error: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        log_options("p", query)
    assert refusal.value.message == f'PodLogOptions "p" is invalid: {error}'


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"tailLines": ["x"]}, 'strconv.ParseInt: parsing "x": invalid syntax'),
        (
            {"sinceTime": ["now"]},
            'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006"',
        ),
    ],
)
def test_options_of_logs_that_cannot_be_read_are_bad(
    query: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(BadRequest) as refusal:
        log_options("p", query)
    assert refusal.value.message == message


def test_options_of_logs_become_those_of_a_kubelet() -> None:
    options = log_options(
        "p",
        {
            "container": ["c"],
            "follow": ["true"],
            "previous": ["false"],
            "tailLines": ["5"],
            "sinceTime": ["2026-01-01T01:00:00+01:00"],
        },
    )
    assert options.container == "c"
    assert options.query == {
        "follow": "true",
        "tailLines": 5,
        "sinceTime": "2026-01-01T00:00:00Z",
    }
