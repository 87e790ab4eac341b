"""Expressions: their values, and the errors of invalid ones."""

from __future__ import annotations

import re
from typing import Any

import pytest

from apiserver.cel.adapters import adapter
from apiserver.cel.compilation import Environment
from apiserver.cel.descriptors import SchemaTypes
from apiserver.cel.errors import BudgetExceededError, CompileError, EvaluationError
from tests.unit.schema.structurals import STRING, Props, a_map, an_array, an_object, schema_of

TIME: Props = {"type": "string", "format": "date-time"}
SCHEMA = schema_of(
    size={"type": "integer"},
    ratio={"type": "number"},
    names=an_array(STRING),
    rows=an_array(an_array(STRING)),
    labels=a_map(STRING),
    inner=an_object(namespace=STRING, **{"a-b": STRING, "c.d": STRING}),
    port={"x-kubernetes-int-or-string": True},
    at=TIME,
)
VALUE: dict[str, Any] = {
    "size": 3,
    "ratio": 2,
    "names": ["a", "bb"],
    "rows": [["x"]],
    "labels": {"app": "web"},
    "inner": {"namespace": "n", "a-b": "dash", "c.d": "dot"},
    "port": "http",
    "at": "2026-01-02T03:04:05Z",
}
TYPES = SchemaTypes(SCHEMA)
ENVIRONMENT = Environment(TYPES, {"self": TYPES.name_of(SCHEMA)})

TRUE = r"""
self.size > 2 && self.size in [1, 2, 3]
self.ratio * 2.0 == 4.0 && dyn(self.ratio) == 2 && self.ratio < 3
self.names.all(n, size(n) < 3) && self.names.exists_one(n, n == 'bb')
self.names.map(n, n + 'x') == ['ax', 'bbx'] && self.names.filter(n, n == 'a') == ['a']
[1, 2].map(x, [x].map(y, y + x)) == [[2], [4]]
self.names.all(x, self.names.all(x, x != '') && x.size() < 3)
'app' in self.labels && self.labels.all(k, self.labels[k] == 'web')
self.inner.__namespace__ == 'n' && self.inner.a__dash__b == 'dash' && self.inner.c__dot__d == 'dot'
self.port == 'http' && self.port != 80
self.at.getFullYear() == 2026 && self.at + duration('1h') > self.at
self.at.getHours('Europe/Berlin') == 4 && self.at.getDayOfWeek() == 5
duration('90m').getMinutes() == 90 && duration('-1.5s') == duration('-1500ms')
string(timestamp('2020-01-01T00:00:00.5Z')) == '2020-01-01T00:00:00.5Z'
has(self.size) && self.?size.orValue(0) == 3 && !self.?labels.?none.hasValue()
self.?size.optMap(s, s + 1).orValue(0) == 4 && {?'a': self.?size} == {'a': 3}
1 / 0 == 1 || true
-7 / 2 == -3 && -7 % 2 == -1 && 1u + 2u == 3u && dyn(1) == 1.0
'%s is %d, %.2f %x'.format(['x', 3, 2.5, 255]) == 'x is 3, 2.50 ff'
'a-b-c'.split('-', 2) == ['a', 'b-c'] && ['a', 'b'].join('/') == 'a/b'
'AbC'.lowerAscii() == 'abc' && 'a'.upperAscii() == 'A' && ' a '.trim() == 'a'
'hello'.substring(1, 3) == 'el' && 'hello'.indexOf('l') == 2 && 'hello'.lastIndexOf('l') == 3
'abc'.matches('^a.c$') && 'abc123'.find('[0-9]+') == '123' && 'a1b2'.findAll('[0-9]', 1) == ['1']
[1, 2, 2].isSorted() && [1, 2].sum() == 3 && [3, 1].min() == 1 && ['a', 'b'].max() == 'b'
[1, 2, 3, 4].slice(1, 3) == [2, 3] && [1].slice(1, 1) == [] && lists.range(3) == [0, 1, 2]
[[1], [2, 3], []].flatten() == [1, 2, 3] && [[1], [2]].flatten(0) == [[1], [2]]
[1, 2, 3].reverse() == [3, 2, 1] && ['b', 'a', 'b'].distinct() == ['b', 'a']
[{'a': 2}, {'a': 1}].sortBy(x, x.a) == [{'a': 1}, {'a': 2}]
self.names.sortBy(n, -n.size()) == ['bb', 'a'] && [].sortBy(n, n) == []
[3, 1, 2].sort() == [1, 2, 3] && self.names.sort() == ['a', 'bb'] && self.rows.flatten() == ['x']
'abc'.indexOf('c', 5) == -1 && 'abc'.lastIndexOf('a', 3) == -1 && 'abcb'.lastIndexOf('b', 2) == 1
['a', 'b', 'a'].indexOf('a') == 0 && ['a', 'b', 'a'].lastIndexOf('a') == 2
sets.contains([1, 2], [1]) && sets.equivalent([1], [1, 1]) && !sets.intersects([1], [2])
quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('1500m').asApproximateFloat() == 1.5
quantity('1k').add(24).asInteger() == 1024 && quantity('1') == quantity('1000m') && !isQuantity('x')
ip('::1').isLoopback() && ip('10.0.0.1').family() == 4 && !isIP('10.0.0.01')
cidr('10.0.0.0/8').containsIP('10.1.1.1') && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')
string(cidr('10.1.2.3/8').masked()) == '10.0.0.0/8' && cidr('10.1.2.3/8').ip() == ip('10.1.2.3')
url('https://u@h.example:80/p%20q?a=1&a=2').getHost() == 'h.example:80' && !isURL('x')
url('https://h/p?a=1&a=2').getQuery()['a'] == ['1', '2'] && url('/p').getScheme() == ''
url('https://h/a b?c d=e').getEscapedPath() == '/a%20b'
url('https://h?c d=e').getQuery() == {'c d': ['e']}
url('https://[::1]:80/').getHost() == '[::1]:80' && url('https://[::1]:80/').getHostname() == '::1'
url('https://h:8080').getPort() == '8080' && url('https://h:').getPort() == ''
isURL('/a') && !isURL('')
semver('1.2.3').isLessThan(semver('1.10.0-rc.1'))
semver('1.0.0-rc.2').compareTo(semver('1.0.0')) == -1
semver('v1.2', true).minor() == 2 && !isSemver('1.2')
!format.dns1123Label().validate('abc').hasValue() && format.dns1123Label().validate('A_').hasValue()
format.named('none') == optional.none() && format.named('uuid').hasValue()
type(self.size) == int && type('') == string && bytes('é').size() == 2 && 'é'.size() == 1
"""
FAILURES = {
    "self.?none == optional.none()": CompileError(
        "compilation failed: ERROR: <input>:1:5: undefined field 'none'\n"
        " | self.?none == optional.none()\n | ....^"
    ),
    "self.size + 'a' == 1": CompileError(
        "compilation failed: ERROR: <input>:1:11: found no matching overload for '_+_' applied to "
        "'(int, string)'\n | self.size + 'a' == 1\n | ..........^"
    ),
    "self.size.x": CompileError(
        "compilation failed: ERROR: <input>:1:10: type 'int' does not support field selection\n"
        " | self.size.x\n | .........^"
    ),
    "a.b(1) || c": CompileError(
        "compilation failed: ERROR: <input>:1:1: undeclared reference to 'a' (in container '')\n"
        " | a.b(1) || c\n | ^\n"
        "ERROR: <input>:1:4: undeclared reference to 'b' (in container '')\n"
        " | a.b(1) || c\n | ...^\n"
        "ERROR: <input>:1:11: undeclared reference to 'c' (in container '')\n"
        " | a.b(1) || c\n | ..........^"
    ),
    "self.labels['none']": EvaluationError("no such key: none"),
    "self.names[7]": EvaluationError("index out of bounds: 7"),
    "1 / (self.size - 3)": EvaluationError("division by zero"),
    "1 % (self.size - 3)": EvaluationError("modulus by zero"),
    "9223372036854775807 + self.size": EvaluationError("integer overflow"),
    "int('x')": EvaluationError("type conversion error from 'string' to 'int'"),
    "self.port > 1": EvaluationError("no such overload"),
    "self.names.exists(n, n.size() / 0 == 1)": EvaluationError("division by zero"),
    "ip('1.2.3')": EvaluationError(
        'IP Address "1.2.3" parse error during conversion from string: ParseAddr("1.2.3"): '
        "IPv4 address too short"
    ),
    "url('https://h:x/')": EvaluationError(
        'URL parse error during conversion from string: parse "https://h:x/": invalid port ":x" '
        "after host"
    ),
    "url('a')": EvaluationError(
        'URL parse error during conversion from string: parse "a": invalid URI for request'
    ),
    "quantity('x')": EvaluationError(
        "quantities must match the regular expression "
        "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    ),
    "self.names.slice(1, 3)": EvaluationError("cannot slice(1, 3), list is length 2"),
    "self.names.slice(-1, 1)": EvaluationError(
        "cannot slice(-1, 1), negative indexes not supported"
    ),
    "self.names.slice(2, 1)": EvaluationError(
        "cannot slice(2, 1), start index must be less than or equal to end index"
    ),
    "self.rows.flatten(self.size - 5)": EvaluationError("level must be non-negative"),
    "lists.range(self.size - 5)": EvaluationError(
        "lists.range: size must be non-negative, got -2"
    ),
    "[dyn(1), dyn('a')].sort()": EvaluationError("list elements must have the same type"),
    "[dyn([1])].sort()": EvaluationError("list elements must be comparable"),
    "[1, 2].sortBy(n, dyn([n]))": EvaluationError("list elements must be comparable"),
    "'abc'.substring(5, 1)": EvaluationError("invalid substring range. start: 5, end: 1"),
    "'abc'.substring(1, 4)": EvaluationError("index out of range: 4"),
    "'abc'.indexOf('a', -1)": EvaluationError("index out of range: -1"),
    "''.lastIndexOf('a')": EvaluationError("index out of range: -1"),
    "'%d'.format([dyn('x')])": EvaluationError(
        "error during formatting: decimal clause can only be used on integers, was given string"
    ),
}  # fmt: skip


def evaluate(source: str) -> Any:
    adapt = adapter(SCHEMA)
    assert adapt is not None
    return ENVIRONMENT.compile(source).evaluate({"self": adapt(VALUE)})[0]


@pytest.mark.parametrize("source", TRUE.strip().splitlines())
def test_an_expression_is_true(source: str) -> None:
    assert evaluate(source) is True


@pytest.mark.parametrize(("source", "error"), FAILURES.items())
def test_an_expression_fails(source: str, error: Exception) -> None:
    with pytest.raises(type(error), match=f"^{re.escape(str(error))}$"):
        evaluate(source)


@pytest.mark.parametrize(
    "source",
    [
        "[" * 500 + "]" * 500 + " == []",
        "1" + " + 1" * 5000 + " > 0",
        "self.names.all(x, " * 40 + "true" + ")" * 40,
        "true" + " && true" * 20_000,
        "kubernetes.Quantity{} == quantity('1')",
    ],
)
def test_what_is_too_large_or_no_value_does_not_compile(source: str) -> None:
    with pytest.raises(CompileError):
        ENVIRONMENT.compile(source)


def test_an_evaluation_ends_when_its_budget_does() -> None:
    program = ENVIRONMENT.compile("self.names.all(a, self.names.all(b, a + b != 'no'))")
    with pytest.raises(BudgetExceededError, match="actual cost limit exceeded"):
        program.evaluate({"self": {"names": ["x"] * 2000}})
    # No operator hides it.
    program = ENVIRONMENT.compile("true || self.names.all(a, self.names.all(b, a + b != 'no'))")
    hidden = ENVIRONMENT.compile("self.names.all(a, self.names.all(b, a + b != 'no')) || true")
    assert program.evaluate({"self": {"names": ["x"] * 2000}})[0] is True
    with pytest.raises(BudgetExceededError):
        hidden.evaluate({"self": {"names": ["x"] * 2000}})
