"""Expressions about requests: variables, the authorizer, objects of patches, and what they cost."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.cel.authorizervalues import (
    AuthorizerValue,
    Check,
    Decision,
    DecisionNeeded,
    Decisions,
    request_resource_check,
)
from apiserver.cel.errors import CompileError, EvaluationError
from apiserver.cel.matchconditions import ConditionError, MatchConditions
from apiserver.cel.objectvalues import MismatchError, check_types, to_document
from apiserver.cel.requestevaluation import (
    Allowance,
    Evaluation,
    Expression,
    OutOfBudgetError,
    RequestValues,
    TooSlowError,
)
from apiserver.cel.requestvariables import RequestExpressions

VALUES = RequestValues(
    {"metadata": {"name": "a"}, "spec": {"list": [3, 1, 2], "map": {"a": 1, "b": 2}}},
    None,
    {"operation": "CREATE"},
    None,
)
COSTLY = "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, {0}))"
HUGE = COSTLY.format(COSTLY.format(COSTLY.format("a + b < 100")))
DECLARED = {"list": "object.spec.list", "broken": "object.nothing", "size": "size(variables.list)"}


def evaluation(budget: int = 10_000_000, allowance: Allowance | None = None) -> Evaluation:
    expressions = RequestExpressions(composes=True)
    composed = {}
    for name, source in DECLARED.items():
        composed[name] = compiled = Expression.compile(expressions, source)
        assert compiled.program is not None
        expressions.declare(name, compiled.program.type)
    return Evaluation(
        VALUES.variables(authorizes=False), composed, budget, allowance or Allowance.of_thread()
    )


def compiled(source: str) -> Expression:
    expressions = RequestExpressions(composes=True)
    for name in DECLARED:
        expressions.declare(name, "dyn")
    return Expression.compile(expressions, source)


TRUE = """
variables.size == 3 && has(variables.size)
object.spec.list.all(i, v, i >= 0 && v > 0) && object.spec.map.exists(k, v, k == 'b' && v == 2)
object.spec.list.existsOne(i, v, i == 0 && v == 3) && !object.spec.map.existsOne(k, v, v > 0)
[3, 1].transformList(i, v, v * 2 + i) == [6, 3] && [3, 1].transformList(i, v, i > 0, v) == [1]
{'a': 1}.transformMap(k, v, v + 1) == {'a': 2} && ['x'].transformMap(i, v, v) == {0: 'x'}
{'a': 1, 'b': 2}.transformMap(k, v, v > 1, k) == {'b': 'b'}
{'a': 'x'}.transformMapEntry(k, v, {v: k}) == {'x': 'a'}
[[1]].all(i, v, v.all(i, w, w == 1 && i == 0) && i == 0)
[3, 1].exists_one(i, v, i == 0 && v == 3) && [3, 1].existsOne(v, v == [3, 3].first().value())
"exists_one(a, b, " == 'exists_one' + r'(a, b, ' && !object.spec.?existsOne.hasValue() // existsOne(
[1, 2].last() == optional.of(2) && ![].first().hasValue() && [1].first().value() == 1
optional.unwrap([optional.of(1), optional.none()]) == [optional.of(1)].unwrapOpt()
oldObject == null && namespaceObject == null && request.operation == 'CREATE'
"""


@pytest.mark.parametrize("source", TRUE.strip().splitlines())
def test_true(source: str) -> None:
    expression = compiled(source)
    assert expression.error == ""
    assert evaluation().value(expression) is True


ERRORS = {
    "variables.broken == 1": 'composited variable "broken" fails to evaluate: no such key: nothing',
    "['a', 'a'].transformMapEntry(i, v, {v: i}) == {}": "insert failed: key a already exists",
    HUGE: "operation cancelled: actual cost limit exceeded",
}


@pytest.mark.parametrize("source", ERRORS)
def test_errors(source: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluation().value(compiled(source))
    assert str(caught.value) == f"expression '{source}' resulted in error: {ERRORS[source]}"


def test_an_expression_that_does_not_compile_fails_when_it_is_evaluated() -> None:
    with pytest.raises(EvaluationError, match="compilation error: compilation failed: ERROR"):
        evaluation().value(compiled("object."))


def test_expressions_share_a_budget() -> None:
    shared = evaluation(budget=30)
    expression = compiled("variables.list.all(x, x > 0)")
    assert shared.value(expression) is True
    with pytest.raises(OutOfBudgetError, match="running out of cost budget"):
        shared.value(expression)


def test_what_takes_too_long_here_is_no_error_of_the_expression() -> None:
    with pytest.raises(TooSlowError):
        evaluation(allowance=Allowance.of_loop()).value(compiled(HUGE))


def test_a_variable_is_evaluated_once_and_paid_once() -> None:
    one, two = evaluation(), evaluation()
    one.value(compiled("variables.size == 3"))
    two.value(compiled("variables.size == 3 && variables.size == 3"))
    assert 10_000_000 - two.left < 2 * (10_000_000 - one.left)


CHECKS = {
    "authorizer.requestResource.check('get')": Check(
        verb="get", resource="pods", namespace="n", name="x"
    ),
    "authorizer.path('/healthz').check('get')": Check(verb="get", path="/healthz"),
    "authorizer.group('apps').resource('deployments').subresource('scale').namespace('a').name('b')"
    ".fieldSelector('a=b').labelSelector('c').check('update')": Check(
        None, "update", "", "apps", "deployments", "scale", "a", "b", "a=b", "c"
    ),
    "authorizer.serviceAccount('ns', 'sa').group('').resource('pods').check('list')": Check(
        ("ns", "sa"), "list", resource="pods"
    ),
}


def asking(source: str, decisions: Decisions) -> Any:
    authorizers = {
        "authorizer": AuthorizerValue(decisions),
        "authorizer.requestResource": request_resource_check(
            decisions, Check(resource="pods", namespace="n", name="x")
        ),
    }
    values = RequestValues(None, None, {}, None, authorizers=authorizers)
    variables = values.variables(authorizes=True)
    expression = Expression.compile(RequestExpressions(), source)
    return Evaluation(variables, {}, 10_000_000, Allowance.of_thread()).value(expression)


@pytest.mark.parametrize("source", CHECKS)
def test_checks(source: str) -> None:
    decisions = Decisions()
    with pytest.raises(DecisionNeeded) as needed:
        asking(f"{source}.allowed() || true", decisions)
    assert needed.value.check == CHECKS[source]
    decisions.known[CHECKS[source]] = Decision(allowed=False, reason="why", error="what")
    shown = f"[{source}].all(d, !d.allowed() && d.errored() && d.reason() + d.error() == 'whywhat')"
    assert asking(shown, decisions) is True


def test_two_checks_fit_into_the_budget_of_an_expression() -> None:
    decisions = Decisions({Check(verb="get", path="/x"): Decision(allowed=True)})
    check = "authorizer.path('/x').check('get').allowed()"
    assert asking(f"{check} && {check}", decisions) is True
    with pytest.raises(EvaluationError, match="actual cost limit exceeded"):
        asking(f"{check} && {check} && {check}", decisions)


BAD_CHECKS = {
    "authorizer.path(' ').check('get').allowed()": "path must not be empty",
    "authorizer.group('').resource('').check('get').allowed()": "resource must not be empty",
    "authorizer.serviceAccount('a', 'B').path('/').check('get').allowed()": (
        "Invalid service account name"
    ),
    "authorizer.serviceAccount('A', 'b').path('/').check('get').allowed()": (
        "Invalid service account namespace"
    ),
}


@pytest.mark.parametrize("source", BAD_CHECKS)
def test_bad_checks(source: str) -> None:
    with pytest.raises(EvaluationError, match=BAD_CHECKS[source]):
        asking(source, Decisions())


CONDITIONS = [
    (["true", "object.metadata.name == 'a'"], True, True),
    (["object.nothing == 1", "false"], True, False),
    (["object.nothing == 1", "true"], False, False),
    ([], True, True),
]


@pytest.mark.parametrize(("sources", "fails", "expected"), CONDITIONS)
def test_conditions(sources: list[str], fails: bool, expected: bool) -> None:
    conditions = MatchConditions([{"expression": source} for source in sources])
    assert conditions.match(VALUES, Allowance.of_thread(), fails=fails) is expected


def test_conditions_that_only_fail() -> None:
    conditions = MatchConditions([
        {"expression": "object.x == 1"}, {"expression": "true"}, {"expression": "object.y == 1"}
    ])  # fmt: skip
    with pytest.raises(ConditionError) as caught:
        conditions.match(VALUES, Allowance.of_thread(), fails=True)
    assert str(caught.value) == (
        "[expression 'object.x == 1' resulted in error: no such key: x, "
        "expression 'object.y == 1' resulted in error: no such key: y]"
    )


PATCHES = {
    "Object{spec: Object.spec{a: 1, ?b: optional.none()}}": {"spec": {"a": 1}},
    "Object{metadata: Object.metadata{namespace: 'x', labels: {'a.b/c': 'd'}}}": {
        "metadata": {"namespace": "x", "labels": {"a.b/c": "d"}}
    },
    "Object{spec: Object.spec{list: [Object.spec.list{name: 'Object.x{'}]}}": {
        "spec": {"list": [{"name": "Object.x{"}]}
    },
    "has(object.none) ? Object{a: 1} : Object{}": {},
}


@pytest.mark.parametrize("source", PATCHES)
def test_objects(source: str) -> None:
    expression = Expression.compile_patch(RequestExpressions(), source, "Object")
    assert expression.error == ""
    value = evaluation().value(expression)
    check_types(value, "Object")
    assert to_document(value) == PATCHES[source]


def test_operations() -> None:
    source = (
        "true ? [JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey('x/y~'), "
        "value: Object.a{b: [1]}}] : []"
    )
    expression = Expression.compile_patch(RequestExpressions(), source, "list<JSONPatch>")
    assert to_document(evaluation().value(expression)) == [
        {"op": "add", "path": "/a/x~1y~0", "value": {"b": [1]}}
    ]


def test_types_name_the_fields_that_objects_are_for() -> None:
    source = "Object{spec: Object.spec{a: Object.spec.b{}}}"
    expression = Expression.compile_patch(RequestExpressions(), source, "Object")
    with pytest.raises(MismatchError) as caught:
        check_types(evaluation().value(expression), "Object")
    assert str(caught.value) == (
        'unexpected type name "Object.spec.b", expected "Object.spec.a", '
        "which matches field name path from root Object type"
    )


REFUSED = {
    "{'a': 1}": "must evaluate to Object but got map(string, int)",
    "Object.spec{a: 1}": "must evaluate to Object but got Object.spec",
    "Object.spec{} == 1": "compilation failed: ERROR: <input>:1:15: found no matching overload for "
    "'_==_' applied to '(Object.spec, int)'\n | Object.spec{} == 1\n | ..............^",
    "namespaceObject": "must evaluate to Object but got kubernetes.Namespace",
}


@pytest.mark.parametrize("source", REFUSED)
def test_expressions_that_make_no_object(source: str) -> None:
    with pytest.raises(CompileError) as caught:
        RequestExpressions().compile_patch(source, "Object")
    assert str(caught.value) == REFUSED[source]


def test_objects_exist_in_patches_only() -> None:
    with pytest.raises(CompileError, match="undeclared reference to 'Object'"):
        RequestExpressions().compile("Object{}")


def test_messages_know_no_authorizer() -> None:
    with pytest.raises(CompileError, match="undeclared reference to 'authorizer'"):
        RequestExpressions().compile("authorizer.path('/').check('get').reason()", authorizes=False)


WORDS = {
    "namespaceObject == 1": "1:17: found no matching overload for '_==_' applied to "
    "'(kubernetes.Namespace, int)'",
    "[request.userInfo] == 1": "1:20: found no matching overload for '_==_' applied to "
    "'(list(kubernetes.UserInfo), int)'",
    "Namespace == 1": "1:1: undeclared reference to 'Namespace' (in container '')",
    "has(object[0])": "1:11: invalid argument to has() macro",
    "object.all(x.y, true)": "1:13: argument must be a simple name",
    "object.exists(i, 1, true)": "1:18: argument must be a simple name",
    "object.filter(x.y, true)": "1:16: argument is not an identifier",
}


@pytest.mark.parametrize("source", WORDS)
def test_the_checker_has_the_words_of_the_api_server(source: str) -> None:
    expected = f"compilation failed: ERROR: <input>:{WORDS[source]}\n | {source}\n"
    with pytest.raises(CompileError) as caught:
        RequestExpressions().compile(source)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize("source", ["1" + "+1" * 40, "(" * 40 + "1" + ")" * 40])
def test_expressions_that_are_too_deep(source: str) -> None:
    with pytest.raises(CompileError, match=r"-1:0: expression recursion limit exceeded: 32$"):
        RequestExpressions().compile(source)
