"""Admission webhooks: requests, responses and failures."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from apiserver.access.admission.chain import (
    CREATE,
    DELETE,
    UPDATE,
    AdmissionAttributes,
    AdmissionChain,
)
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.errors import Timeout
from apiserver.machinery.options import DeleteOptions
from tests.unit.access.admission.admitting import Objects
from tests.unit.access.admission.webhooks import (
    MAPS,
    MUTATING,
    VALIDATING,
    Webhooks,
    denied,
    hook,
    label,
    patch,
    write,
)

_FAILED = 'Internal error occurred: failed calling webhook "{}.example.com": '


async def test_the_request_is_described() -> None:
    webhooks = Webhooks(VALIDATING)
    webhooks.configure("c", hook("a"))
    options = DeleteOptions(grace_period_seconds=0, uid="u", dry_run=True)
    await webhooks.chain.validate(write(DELETE, options=options, dry_run=True), Objects())
    ((_, request),) = webhooks.asked
    assert len(request.pop("uid")) == 36
    assert request == {
        "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
        "resource": {"group": "", "version": "v1", "resource": "configmaps"},
        "requestKind": {"group": "", "version": "v1", "kind": "ConfigMap"},
        "requestResource": {"group": "", "version": "v1", "resource": "configmaps"},
        "name": "a",
        "namespace": "ns",
        "operation": "DELETE",
        "userInfo": {"username": "u", "extra": {"scopes": ["x"]}},
        "object": None,
        "oldObject": write().object,
        "dryRun": True,
        "options": {
            "kind": "DeleteOptions",
            "apiVersion": "meta.k8s.io/v1",
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": "u"},
            "dryRun": ["All"],
        },
        "timeout": 7,
    }


async def test_validating_webhooks_are_asked_at_the_same_time_and_all_of_them() -> None:
    webhooks = Webhooks(VALIDATING, b={"allowed": False})
    webhooks.configure("c", hook("a"), hook("b"), hook("c"))
    error = await denied(webhooks)
    assert (
        error.message == 'admission webhook "b.example.com" denied the request without explanation'
    )
    assert sorted(webhooks.names) == ["a", "b", "c"]
    assert webhooks.together == 3


async def test_mutating_webhooks_follow_one_another_by_the_names_of_configurations() -> None:
    webhooks = Webhooks(MUTATING, a=label("a"), b=label("b"))
    webhooks.configure("z", hook("a"))
    webhooks.configure("y", hook("b"), hook("c"))
    changed = await webhooks.chain.mutate(write(), Objects())
    assert changed is not None
    assert changed["metadata"]["labels"] == {"a": "1", "b": "1"}
    assert webhooks.names == ["b", "c", "a"]
    assert webhooks.together == 1


@pytest.mark.parametrize(
    ("answers", "policies", "names"),
    [
        # Who asked for it is asked again after a change by another, once.
        ({"b": label("b")}, {"a": "IfNeeded", "c": "IfNeeded"}, ["a", "b", "c", "a"]),
        ({"b": label("b")}, {"a": "Never"}, ["a", "b", "c"]),
        ({"a": label("a")}, {"a": "IfNeeded"}, ["a", "b", "c"]),
        ({}, {"a": "IfNeeded", "b": "IfNeeded"}, ["a", "b", "c"]),
        (
            {"b": label("b"), "c": label("c")},
            {"a": "IfNeeded", "b": "IfNeeded"},
            ["a", "b", "c", "a", "b"],
        ),
    ],
)
async def test_reinvocation(answers: Any, policies: Any, names: list[str]) -> None:
    webhooks = Webhooks(MUTATING, **answers)
    hooks = [hook(name, reinvocationPolicy=policies.get(name, "Never")) for name in "abc"]
    webhooks.configure("c", *hooks)
    await webhooks.chain.mutate(write(), Objects())
    assert webhooks.names == names


async def test_reinvocation_after_a_change_by_another_plugin() -> None:
    class Stamps:
        name = "Stamps"

        def handles(self, *_: Any) -> bool:
            return True

        def mutate(self, attributes: AdmissionAttributes, _: Any) -> Any:
            assert attributes.object is not None
            labels = attributes.object["metadata"]["labels"]
            if "b" not in labels:
                return None
            return {**attributes.object, "metadata": {"name": "a", "labels": labels | {"s": "1"}}}

    webhooks = Webhooks(MUTATING, b=label("b"))
    webhooks.configure("c", hook("b", reinvocationPolicy="IfNeeded"))
    chain = AdmissionChain([Stamps(), *webhooks.chain.plugins])
    changed = await chain.mutate(write(), Objects())
    assert changed is not None
    assert changed["metadata"]["labels"] == {"b": "1", "s": "1"}
    assert webhooks.names == ["b", "b"]


FAILURES = {
    "unreachable": (WebhookError("gone"), "failed to call webhook: gone"),
    "no response": (b"{}", "received invalid webhook response: webhook response was absent"),
    "undecodable": (
        {"allowed": "yes"},
        "failed to call webhook: json: cannot unmarshal string into Go struct field "
        "AdmissionResponse.response.allowed of type bool",
    ),
    "another uid": (
        lambda request: {"uid": "x"},
        "received invalid webhook response: expected response.uid=",
    ),
    "no type": (
        {"patch": b64encode(b"[]").decode()},
        "received invalid webhook response: webhook returned response.patch but not "
        "response.patchType",
    ),
    "no patch": (
        {"patchType": "JSONPatch"},
        "received invalid webhook response: webhook returned response.patchType but not "
        "response.patch",
    ),
    "another type": (
        {**patch({"op": "remove", "path": "/data"}), "patchType": "Merge"},
        'unsupported patch type "Merge"',
    ),
    "no JSON": (
        {"patch": b64encode(b"nope").decode(), "patchType": "JSONPatch"},
        "received undecodable patch in webhook response: invalid character 'o' in literal null "
        "(expecting 'u')",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_failures_follow_the_policy(case: str) -> None:
    answer, message = FAILURES[case]
    webhooks = Webhooks(MUTATING, a=answer, b=label("b"))
    webhooks.configure("c", hook("a"), hook("b"))
    error = await denied(webhooks)
    assert error.message.startswith(_FAILED.format("a") + message)
    assert (error.code, error.reason) == (500, "InternalError")
    annotations: dict[str, str] = {}
    webhooks.configure("c", hook("a", failurePolicy="Ignore"), hook("b"))
    attributes = write(annotate=annotations.__setitem__)
    changed = await webhooks.chain.mutate(attributes, Objects())
    assert changed is not None
    assert changed["metadata"]["labels"] == {"b": "1"}
    domain = "mutation.webhook.admission.k8s.io"
    assert annotations == {
        f"failed-open.{domain}/round_0_index_0": "a.example.com",
        f"{domain}/round_0_index_0": (
            '{"configuration":"c","webhook":"a.example.com","mutated":false}'
        ),
        f"{domain}/round_0_index_1": (
            '{"configuration":"c","webhook":"b.example.com","mutated":true}'
        ),
    }


@pytest.mark.parametrize(
    ("answer", "operation", "message"),
    [
        (patch({"op": "remove", "path": "/data"}), CREATE, "error in remove for path: '/data'"),
        (
            patch({"op": "remove", "path": "/data"}),
            DELETE,
            'admission webhook "a.example.com" attempted to modify the object, which is not '
            "supported for this operation",
        ),
    ],
)
async def test_patches_that_cannot_be_applied_are_never_ignored(
    answer: Any, operation: str, message: str
) -> None:
    webhooks = Webhooks(MUTATING, a=answer)
    webhooks.configure("c", hook("a", failurePolicy="Ignore"))
    error = await denied(webhooks, write(operation))
    assert error.message.startswith(f"Internal error occurred: {message}")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"patch": b64encode(b"[]").decode()}, "validating webhook may not return response.patch"),
        ({"patchType": "JSONPatch"}, "validating webhook may not return response.patchType"),
    ],
)
async def test_validating_webhooks_do_not_patch(answer: Any, message: str) -> None:
    webhooks = Webhooks(VALIDATING, a=answer)
    webhooks.configure("c", hook("a"))
    error = await denied(webhooks)
    assert error.message == f"{_FAILED.format('a')}received invalid webhook response: {message}"


async def test_dry_runs_need_webhooks_without_side_effects() -> None:
    webhooks = Webhooks(VALIDATING)
    webhooks.configure("c", hook("a", sideEffects="Some", failurePolicy="Ignore"))
    error = await denied(webhooks, write(dry_run=True))
    assert error.message == 'admission webhook "a.example.com" does not support dry run'
    assert (error.code, webhooks.asked) == (400, [])
    await webhooks.chain.validate(write(), Objects())
    assert webhooks.names == ["a"]


async def test_the_deadline_of_the_request_counts() -> None:
    webhooks = Webhooks(VALIDATING)
    webhooks.configure("c", hook("a"))
    now = asyncio.get_running_loop().time()
    await webhooks.chain.validate(write(deadline=now + 2), Objects())
    assert 1 < webhooks.asked[0][1]["timeout"] <= 2
    assert isinstance(await denied(webhooks, write(deadline=now)), Timeout)


async def test_warnings_and_annotations_of_a_webhook() -> None:
    webhooks = Webhooks(VALIDATING, a={"warnings": ["w", ""], "auditAnnotations": {"k": "v"}})
    webhooks.configure("c", hook("a"))
    warnings: list[str] = []
    annotations: dict[str, str] = {}
    attributes = write(warn=warnings.append, annotate=annotations.__setitem__)
    await webhooks.chain.validate(attributes, Objects())
    assert (warnings, annotations) == (["w"], {"a.example.com/k": "v"})


async def test_patches_are_annotated_for_events_that_show_requests() -> None:
    added = {"value": {"b": "<1>", "a": 2}, "path": "/data", "op": "replace"}
    webhooks = Webhooks(MUTATING, a=patch(added), b={})
    webhooks.configure("c", hook("a"), hook("b"))
    annotations: dict[str, str] = {}
    await webhooks.chain.mutate(write(annotate_at_request_level=annotations.__setitem__), Objects())
    assert annotations == {
        "patch.webhook.admission.k8s.io/round_0_index_0": (
            '{"configuration":"c","webhook":"a.example.com","patch":[{"op":"replace",'
            '"path":"/data","value":{"b":"\\u003c1\\u003e","a":2}}],"patchType":"JSONPatch"}'
        )
    }


async def test_a_webhook_may_be_cancelled_with_the_request() -> None:
    webhooks = Webhooks(MUTATING, a=label("a"))
    webhooks.configure("c", hook("a"))
    asked_within: list[int] = []

    @contextmanager
    def cancellable() -> Iterator[None]:
        asked_within.append(len(webhooks.asked))
        yield
        asked_within.append(len(webhooks.asked))

    await webhooks.chain.mutate(write(cancellable=cancellable), Objects())
    assert asked_within[:2] == [0, 1]


async def test_what_is_not_asked_costs_nothing() -> None:
    webhooks = Webhooks(VALIDATING)
    assert not webhooks.chain.validates(CREATE, MAPS, "")
    rules = hook("a")["rules"][0] | {"operations": ["UPDATE"]}
    webhooks.configure("c", hook("a", rules=[rules]))
    assert not webhooks.chain.validates(CREATE, MAPS, "")
    assert webhooks.chain.validates(UPDATE, MAPS, "")
    webhooks.configurations.remove("c")
    webhooks.configurations.flush()
    assert not webhooks.chain.validates(UPDATE, MAPS, "")


@pytest.mark.parametrize(
    ("conditions", "fails", "outcome"),
    [
        (["object.metadata.name == 'a'"], True, ["a"]),
        (["object.metadata.name == 'b'"], True, []),
        (["request.userInfo.username == 'u'", "request.operation == 'CREATE'"], True, ["a"]),
        (["object.data.x == 'y'", "false"], True, []),
        (["object.data.x == 'y'"], False, []),
        (
            ["object.data.x == 'y'"],
            True,
            "configmaps \"a\" is forbidden: expression 'object.data.x == 'y'' resulted in error: "
            "no such key: data",
        ),
    ],
)
async def test_match_conditions(conditions: list[str], fails: bool, outcome: Any) -> None:
    webhooks = Webhooks(VALIDATING)
    matches = [{"name": str(n), "expression": each} for n, each in enumerate(conditions)]
    policy = "Fail" if fails else "Ignore"
    webhooks.configure("c", hook("a", matchConditions=matches, failurePolicy=policy))
    if isinstance(outcome, str):
        assert (await denied(webhooks)).message == outcome
    else:
        await webhooks.chain.validate(write(), Objects())
        assert webhooks.names == outcome
