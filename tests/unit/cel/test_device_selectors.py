"""CEL selectors of devices: valid ones, and the errors for the others."""

from __future__ import annotations

import pytest

from apiserver.cel.deviceselectors import TooExpensiveError, check_selector
from apiserver.cel.errors import CompileError

VALID = """
device.driver == 'gpu.example.com'
device.attributes['gpu.example.com'].healthy
device.attributes['gpu.example.com'].model == 'a' && device.attributes['x'].count > 3
device.capacity['gpu.example.com'].memory.compareTo(quantity('8Gi')) >= 0
semver('1.2.0').isLessThan(device.attributes['x'].version)
cel.bind(gpu, device.attributes['gpu.example.com'], has(gpu.model) && gpu.model.startsWith('a'))
'x' in device.attributes && device.attributes.exists(domain, domain == 'x')
device.allowMultipleAllocations
"""


@pytest.mark.parametrize("source", VALID.strip().splitlines())
def test_valid(source: str) -> None:
    check_selector(source)


INVALID = {
    "": "compilation failed: ERROR: <input>:1:0: Syntax error: mismatched input '<EOF>' expecting "
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, "
    "STRING, BYTES, IDENTIFIER}",
    "device.vendor == 'x'": "compilation failed: ERROR: <input>:1:7: undefined field 'vendor'\n"
    " | device.vendor == 'x'\n | ......^",
    "device.capacity['x'].y == 1": "compilation failed: ERROR: <input>:1:24: found no matching "
    "overload for '_==_' applied to '(kubernetes.Quantity, int)'\n"
    " | device.capacity['x'].y == 1\n | .......................^",
    "device.driver": "must evaluate to bool or the unknown type, not string",
    "dyn(true)": "must evaluate to bool or the unknown type, not dyn",
}


@pytest.mark.parametrize("source", INVALID)
def test_invalid(source: str) -> None:
    with pytest.raises(CompileError) as caught:
        check_selector(source)
    assert str(caught.value) == INVALID[source]


def test_what_costs_too_much() -> None:
    source = "true"
    for name in "abcd":
        source = f"device.attributes.all({name}, {source})"
    with pytest.raises(TooExpensiveError):
        check_selector(source)
