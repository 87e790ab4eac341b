"""Names inside of objects, paths and addresses."""

from __future__ import annotations

import pytest

from apiserver.resources.builtin.parts.images import default_pull_policy
from apiserver.resources.builtin.parts.ipforms import validate_new_ip, warnings_for_ip
from apiserver.resources.builtin.parts.names import (
    config_key_problems,
    env_name_problems,
    port_name_problems,
)
from apiserver.resources.builtin.parts.paths import validate_local_path

PORTS = [
    ("http", []),
    ("a-1", []),
    ("1", ["must contain at least one letter (a-z)"]),
    ("a--b", ["must not contain consecutive hyphens"]),
    ("-a", ["must not begin or end with a hyphen"]),
    ("abcdefghijklmnop", ["must be no more than 15 characters"]),
    ("A_1a", ["must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"]),
]


@pytest.mark.parametrize(("name", "problems"), PORTS)
def test_a_port_has_the_name_of_a_service(name: str, problems: list[str]) -> None:
    assert port_name_problems(name) == problems


def test_a_variable_may_have_nearly_any_name() -> None:
    assert env_name_problems("A b.c-1") == env_name_problems("1") == []
    assert env_name_problems("") == ["environment variable name must be non-empty"]
    assert len(env_name_problems("a=b")) == len(env_name_problems("ä")) == 1


@pytest.mark.parametrize("key", ["", "a/b", ".", "..", "..a", "a" * 254])
def test_a_key_of_a_config_map_is_the_name_of_a_file(key: str) -> None:
    assert config_key_problems(key)
    assert config_key_problems("..".join("ab")) == []


PATHS = [
    ("a/b", []),
    ("/a", ["must be a relative path"]),
    ("a/../b", ["must not contain '..'"]),
    ("..a", ["must not start with '..'"]),
    ("../a", ["must not contain '..'"]),
]


@pytest.mark.parametrize(("path", "details"), PATHS)
def test_a_file_of_a_volume_stays_in_it(path: str, details: list[str]) -> None:
    found = validate_local_path(path, "p")
    assert [error.body.rpartition(": ")[2] for error in found] == details


IMAGES = [
    ("nginx", "Always"),
    ("nginx:latest", "Always"),
    ("nginx:1", "IfNotPresent"),
    ("localhost:5000/a/b", "Always"),
    ("localhost:5000/a/b:1", "IfNotPresent"),
    ("a@sha256:" + "0" * 64, "IfNotPresent"),
    ("a:latest@sha256:" + "0" * 64, "Always"),
    ("UPPER", "IfNotPresent"),
    ("", "IfNotPresent"),
]


@pytest.mark.parametrize(("image", "policy"), IMAGES)
def test_the_latest_image_is_always_pulled(image: str, policy: str) -> None:
    assert default_pull_policy(image) == policy


ADDRESSES = [
    ("192.0.2.1", "", ""),
    ("2001:db8::1", "", ""),
    ("2001:DB8:0::1", "", 'IPv6 address "2001:DB8:0::1" should be in RFC 5952 canonical format'),
    ("192.0.2.01", "must not have leading 0s", 'use "192.0.2.1"'),
    ("::ffff:192.0.2.1", "must not be an IPv4-mapped IPv6 address", 'use "192.0.2.1"'),
    ("192.0.2", "must be a valid IP address", ""),
]


@pytest.mark.parametrize(("text", "error", "warning"), ADDRESSES)
def test_an_address_is_written_in_one_way(text: str, error: str, warning: str) -> None:
    errors, warnings = validate_new_ip(text, "p"), warnings_for_ip(text, "p")
    assert [error in it.body for it in errors] == [True] * bool(error)
    assert [warning in it for it in warnings] == [True] * bool(warning)
    if error and error.startswith("must not"):
        assert validate_new_ip(text, "p", [text]) == []
