"""The command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiserver.server.authentication_config import token_authentication
from apiserver.server.cli import parse_arguments
from apiserver.server.config import Config, ConfigError
from apiserver.server.config_loading import load_config
from apiserver.server.flags import IGNORED, UNSUPPORTED
from apiserver.server.server_options import options_from


def config(*arguments: str) -> Config:
    return parse_arguments(arguments)[0]


def test_without_flags_everything_has_a_value() -> None:
    bare = config()
    assert bare.secure_port == 6443
    assert bare.bind_address == "127.0.0.1"
    assert bare.etcd_prefix == "/registry"
    assert bare.authorization_modes == ("RBAC",)
    assert bare.cert_dir == Path(".apiserver/certificates")
    assert bare.storage_url == f"sqlite:///{Path('.apiserver/state.db').absolute()}"
    assert bare.cluster_ip == "10.0.0.1"
    assert bare.event_ttl == 3600
    assert not bare.uses_etcd


def test_a_flag_may_be_spelled_with_or_without_an_equals_sign() -> None:
    assert config("--secure-port=1", "--etcd-prefix", "/a") == config(
        "--secure-port", "1", "--etcd-prefix=/a"
    )


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ([], False),
        (["--allow-privileged"], True),
        (["--allow-privileged=true"], True),
        (["--allow-privileged=1"], True),
        (["--allow-privileged=FALSE"], False),
        (["--allow-privileged", "--anonymous-auth=false"], True),
    ],
)
def test_a_switch_may_stand_alone(arguments: list[str], value: bool) -> None:
    assert config(*arguments).allow_privileged is value


def test_lists_are_given_with_commas_or_flag_by_flag() -> None:
    urls = ("http://a:1", "http://b:2")
    assert config("--etcd-servers=http://a:1,http://b:2").etcd_servers == urls
    assert config("--etcd-servers=http://a:1", "--etcd-servers=http://b:2").etcd_servers == urls


def test_etcd_is_the_store_where_it_is_named() -> None:
    found = config("--etcd-servers=http://a:1,https://b:2")
    assert found.storage_url == "etcd://http://a:1,https://b:2"
    assert found.uses_etcd


@pytest.mark.parametrize("text", ["/a/b", "a/b", "/a/b/"])
def test_a_prefix_begins_with_a_slash_and_ends_with_none(text: str) -> None:
    assert config(f"--etcd-prefix={text}").etcd_prefix == "/a/b"


@pytest.mark.parametrize(
    ("flags", "anonymous"),
    [
        ([], True),
        (["--anonymous-auth=false"], False),
        (["--authorization-mode=AlwaysAllow"], False),
        (["--authorization-mode=Node,RBAC"], True),
    ],
)
def test_nobody_is_anonymous_where_everybody_may_do_everything(
    flags: list[str], anonymous: bool
) -> None:
    given = config(*flags)
    allows_all = "AlwaysAllow" in given.authorization_modes
    assert token_authentication(given, allows_all=allows_all).anonymous is anonymous


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.96.0.0/12", "10.96.0.1"),
        ("fd00::/108", "fd00::1"),
        ("10.1.2.3/24,fd00::/108", "10.1.2.1"),
    ],
)
def test_the_first_address_of_the_service_range_is_the_servers(text: str, address: str) -> None:
    assert config(f"--service-cluster-ip-range={text}").cluster_ip == address


@pytest.mark.parametrize(("text", "ports"), [("30000-32767", (30000, 32767)), ("80+5", (80, 85))])
def test_a_range_of_ports_has_two_spellings(text: str, ports: tuple[int, int]) -> None:
    assert config(f"--service-node-port-range={text}").service_node_port_range == ports


def test_every_flag_of_kube_apiserver_without_effect_is_taken() -> None:
    taken, ignored = parse_arguments([f"--{name}=x" for name in sorted(IGNORED)])
    assert taken == config()
    assert set(ignored) == IGNORED


def test_a_flag_that_says_what_is_true_anyway_draws_no_warning() -> None:
    assert parse_arguments(["--watch-cache=true", "--logging-format=text"])[1] == []
    assert parse_arguments(["--contention-profiling"])[1] == ["contention-profiling"]
    assert parse_arguments(["--watch-cache=false"])[1] == ["watch-cache"]


def test_a_refusal_names_the_flag_and_its_value() -> None:
    with pytest.raises(ConfigError) as refusal:
        load_config({"secure_port": "http"})
    assert str(refusal.value) == ('invalid argument "http" for "--secure-port": must be a number')


@pytest.mark.parametrize("flag", ["--secure-por=1", "--insecure-port=0", "--unheard-of"])
def test_an_unknown_flag_ends_with_two(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse_arguments([flag])
    assert end.value.code == 2
    name = flag.partition("=")[0]
    assert capsys.readouterr().err == f"apiserver: unknown flag: {name} (see apiserver --help)\n"


@pytest.mark.parametrize("flag", sorted(UNSUPPORTED))
def test_a_flag_that_would_promise_security_is_refused(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parse_arguments([f"--{flag}=x"])
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"apiserver: --{flag} is not supported yet")
    assert parse_arguments([f"--{flag}="]) == (config(), [])


def test_no_flag_is_both_ignored_and_refused() -> None:
    assert not IGNORED & UNSUPPORTED


@pytest.mark.parametrize(
    ("flag", "problem"),
    [
        ("--tls-min-version=1.3", "must be one of VersionTLS10, VersionTLS11, VersionTLS12, "),
        ("--tls-cipher-suites=AES", "AES is none of TLS_AES_128_GCM_SHA256, "),
        ("--service-account-key-file=missing.pem", "missing.pem: no such file"),
        ("--service-account-signing-key-file=missing.pem", "missing.pem: no such file"),
        ("--client-ca-file=missing.pem", "missing.pem: no such file"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(
    flag: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_arguments([flag])
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], ("*",)),
        (["--enable-garbage-collector"], ("*",)),
        (["--enable-garbage-collector=false"], ("-garbage-collector-controller", "*")),
    ],
)
def test_the_garbage_collector_has_a_flag_of_its_own(
    flags: list[str], expected: tuple[str, ...]
) -> None:
    assert options_from(config(*flags)).controllers == expected
