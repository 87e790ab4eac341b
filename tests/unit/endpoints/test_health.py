"""Health checks, together and one by one."""

from __future__ import annotations

import pytest

from apiserver.endpoints.health import Health, Unhealthy


async def passes() -> None:
    return


async def fails() -> None:
    raise Unhealthy("the store is gone")


WELL = Health(
    {"readyz": {"ping": passes, "etcd": passes, "etcd-1": passes, "shutdown": passes}},
    {"etcd-1": "etcd"},
)
ILL = Health({"livez": {"ping": passes, "etcd": fails}})


@pytest.mark.parametrize(
    ("excluded", "lines"),
    [
        ([], ["[+]ping ok", "[+]etcd ok", "[+]etcd-1 ok", "[+]shutdown ok"]),
        (["ping"], ["[+]ping excluded: ok", "[+]etcd ok", "[+]etcd-1 ok", "[+]shutdown ok"]),
        (["etcd-1"], ["[+]ping ok", "[+]etcd ok", "[+]etcd-1 excluded: ok", "[+]shutdown ok"]),
        (["etcd"], ["[+]ping ok", "[+]etcd excluded: ok", "[+]etcd-1 excluded with etcd: ok",
                    "[+]shutdown ok"]),
        (["y", "ping", "x", "y"],
         ["[+]ping excluded: ok", "[+]etcd ok", "[+]etcd-1 ok", "[+]shutdown ok",
          'warn: some health checks cannot be excluded: no matches for "x","y"']),
    ],
)  # fmt: skip
async def test_a_verbose_report_has_a_line_for_each_check(
    excluded: list[str], lines: list[str]
) -> None:
    report = await WELL.report("readyz", verbose=True, excluded=excluded)
    assert report.status == 200
    assert report.text == "\n".join([*lines, "readyz check passed\n"])


async def test_a_report_is_short_while_all_is_well() -> None:
    report = await WELL.report("readyz", verbose=False, excluded=["x"])
    assert (report.status, report.text) == (200, "ok")


async def test_a_failure_is_told_in_full_but_for_its_reason() -> None:
    report = await ILL.report("livez", verbose=False, excluded=())
    assert report.status == 500
    assert report.text == "[+]ping ok\n[-]etcd failed: reason withheld\nlivez check failed\n"


async def test_an_excluded_check_cannot_fail() -> None:
    report = await ILL.report("livez", verbose=False, excluded=["etcd"])
    assert report.status == 200


async def test_a_check_alone_tells_why_it_fails() -> None:
    assert (await ILL.single("livez", "ping")).text == "ok"
    report = await ILL.single("livez", "etcd")
    assert (report.status, report.text) == (500, "internal server error: the store is gone\n")


@pytest.mark.parametrize(
    ("endpoint", "name", "known"),
    [("livez", "ping", True), ("livez", "shutdown", False), ("readyz", "ping", False)],
)
def test_each_endpoint_has_its_own_checks(endpoint: str, name: str, known: bool) -> None:
    assert ILL.knows(endpoint, name) is known
