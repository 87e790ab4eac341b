"""Values of types that no function expects: an evaluation fails, it does not break."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import product
from typing import Any

import pytest

from apiserver.cel.authorizervalues import AuthorizerValue, Decisions
from apiserver.cel.errors import CompileError, EvaluationError
from apiserver.cel.requestvariables import RequestExpressions

VALUES: dict[str, Any] = {
    "null": None, "bool": True, "int": -7, "double": 1e300, "text": "a1", "empty": "",
    "list": [1, "a"], "map": {"a": 1}, "nested": [[{}]],
}  # fmt: skip
MEMBERS = """
all(x,x) map(x,x+1) exists_one(x,x) transformMapEntry(k,v,{v:k}) size() contains(B) startsWith(B)
endsWith(B) matches(B) find(B) findAll(B) findAll(B,C) charAt(B) indexOf(B) indexOf(B,C)
lastIndexOf(B) lastIndexOf(B,C) lowerAscii() upperAscii() replace(B,C) replace(B,C,D) split(B)
split(B,C) substring(B) substring(B,C) trim() join() join(B) format(B) isSorted() sum() min()
slice(B,C) flatten() flatten(B) reverse() distinct() sort()
max() getScheme() getHost() getHostname() getPort() getEscapedPath() getQuery() isInteger()
asInteger() asApproximateFloat() sign() add(B) sub(B) isLessThan(B) isGreaterThan(B) compareTo(B)
major() minor() patch() ip() family() isUnspecified() isLoopback() isLinkLocalMulticast()
isLinkLocalUnicast() isGlobalUnicast() containsIP(B) containsCIDR(B) masked() prefixLength()
validate(B) path(B) group(B) serviceAccount(B,C) resource(B) subresource(B) namespace(B) name(B)
fieldSelector(B) labelSelector(B) check(B) allowed() reason() error() errored() hasValue() value()
orValue(B) or(B) getFullYear() getFullYear(B) getMonth() getDayOfMonth() getDate() getDayOfWeek()
getDayOfYear() getHours() getMinutes() getSeconds() getMilliseconds() getHours(B)
first() last() unwrapOpt() existsOne(x,x) foo ?foo [B] [?B]
"""
CALLS = """
int(A) uint(A) double(A) string(A) bytes(A) bool(A) timestamp(A) duration(A) dyn(A) type(A)
size(A) quantity(A) isQuantity(A) url(A) isURL(A) ip(A) isIP(A) ip.isCanonical(A) cidr(A)
isCIDR(A) semver(A) semver(A,B) isSemver(A) isSemver(A,B) format.named(A) lists.range(A)
sets.contains(A,B)
sets.equivalent(A,B) sets.intersects(A,B) optional.of(A) optional.ofNonZeroValue(A)
strings.quote(A) !A -A A+B A-B A*B A/B A%B A==B A!=B A<B A<=B A>B A>=B A&&B A||B A?B:C (A)in(B)
[A,?optional.of(B)] {A:B} {A:dyn(1),?B:optional.of(C)} has(A.foo) authorizer.path(A)
authorizer.group(A) authorizer.serviceAccount(A,B) [A].isSorted() [A,B].sum() [A,B].max()
'%d%s%f%e%x%b%o'.format([A,A,A,A,A,A,A])
"""

_STAND_INS = re.compile(r"(?<![A-Za-z])[ABCD](?![A-Za-z])")


def sources() -> list[str]:
    found = [
        f"A{each}" if each[0] == "[" else f"A.{each}" for line in [MEMBERS] for each in line.split()
    ]
    return found + CALLS.split()


@pytest.mark.parametrize("source", sources())
def test_evaluations_end_with_a_value_or_an_error_of_theirs(source: str) -> None:
    expressions = RequestExpressions()
    source = _STAND_INS.sub(lambda found: f"object.{found[0].lower()}", source)
    try:
        program = expressions.compile(source)
    except CompileError as error:
        pytest.fail(str(error))
    used = [letter for letter in "abcd" if f"object.{letter}" in source]
    for values in product(VALUES.values(), repeat=len(used)):
        variables = {
            "object": dict(zip(used, values, strict=True)),
            "authorizer": AuthorizerValue(Decisions()),
        }
        with suppress(EvaluationError):
            program.evaluate(variables)


DEEP = """
object == {'a': object.a}
object in [object]
'%s'.format([object]) == ''
sets.contains([object], [object])
[object].indexOf({'a': object.a}) == 0
"""


@pytest.mark.parametrize("source", DEEP.strip().splitlines())
def test_deep_values_fail_an_evaluation(source: str) -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    program = RequestExpressions().compile(source)
    with suppress(EvaluationError):
        program.evaluate({"object": deep})


_DIGITS = "9" * 5000
#: Expressions with more digits than Python converts, and their results.
LONG: dict[str, Any] = {
    f"int('{_DIGITS}')": "type conversion error from 'string' to 'int'",
    f"uint('{_DIGITS}')": "type conversion error from 'string' to 'uint'",
    f"uint('{'0' * 5000}7')": 7,
    "uint('18446744073709551616')": "type conversion error from 'string' to 'uint'",
    f"'%.{_DIGITS}f'.format([1.0])": "value out of range",
    f"duration('{_DIGITS}s')": "invalid duration argument",
    f"duration('0.{_DIGITS}s') == duration('999999999ns')": True,
    f"isSemver('{_DIGITS}.1.1')": False,
    f"isSemver('1.1.1-{_DIGITS}')": False,
    f"cidr('10.0.0.0/{_DIGITS}')": "prefix length out of range",
}


@pytest.mark.parametrize("source", LONG, ids=range(len(LONG)))
def test_long_numbers_are_values_or_errors(source: str) -> None:
    try:
        result: Any = RequestExpressions().compile(source).evaluate({})[0]
    except (CompileError, EvaluationError) as error:
        result = str(error)
    expected = LONG[source]
    assert expected in result if isinstance(expected, str) else result == expected
