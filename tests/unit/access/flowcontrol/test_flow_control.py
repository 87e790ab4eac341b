"""The objects in force, and how many seats each level has."""

from __future__ import annotations

from typing import Any

from apiserver.access.flowcontrol.flow_control import FlowControl
from apiserver.access.flowcontrol.flow_schemas import FlowRequest, FlowSchema
from apiserver.access.flowcontrol.priority_level import PriorityLevel
from apiserver.endpoints.request_info import parse
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.users import AUTHENTICATED, UserInfo
from apiserver.resources.builtin.flowcontrol.bootstrap import (
    bootstrap_flow_schemas,
    bootstrap_priority_levels,
)

JANE = FlowRequest(UserInfo("jane", groups=(AUTHENTICATED,)), "get", "/x", is_resource=False)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def mandatory(objects: list[Object]) -> list[Object]:
    return [each for each in objects if name_of(each) in ("exempt", "catch-all")]


def level(name: str, shares: int, **limited: Any) -> Object:
    queuing = {"queues": 4, "handSize": 1, "queueLengthLimit": 5}
    response = {"type": "Queue", "queuing": queuing}
    spec = {"nominalConcurrencyShares": shares, "limitResponse": response, **limited}
    return {"metadata": {"name": name, "uid": "u"}, "spec": {"type": "Limited", "limited": spec}}


def schema(name: str, of: str, precedence: int = 10) -> FlowSchema:
    subject = {"kind": "User", "user": {"name": "*"}}
    paths = {"verbs": ["*"], "nonResourceURLs": ["*"]}
    spec = {
        "priorityLevelConfiguration": {"name": of},
        "matchingPrecedence": precedence,
        "rules": [{"subjects": [subject], "nonResourceRules": [paths]}],
    }
    return FlowSchema({"metadata": {"name": name}, "spec": spec})


def control(seats: int = 100, clock: Clock | None = None) -> FlowControl:
    schemas, levels = mandatory(bootstrap_flow_schemas()), mandatory(bootstrap_priority_levels())
    return FlowControl(seats, schemas, levels, clock or Clock())


def seats(of: FlowControl, name: str) -> PriorityLevel:
    return of._levels[name]


async def hold(of: PriorityLevel, count: int) -> None:
    for _ in range(count):
        await of.enter(("s", ""), 0)


def test_shares_are_those_of_upstream() -> None:
    found = FlowControl(600, bootstrap_flow_schemas(), bootstrap_priority_levels())
    nominal = {name: each.nominal for name, each in found._levels.items()}
    assert nominal == {
        "exempt": 0, "catch-all": 13, "global-default": 49, "leader-election": 25,
        "node-high": 98, "system": 74, "workload-high": 98, "workload-low": 245,
    }  # fmt: skip
    # No level has a demand: the seats that may be lent are divided by what may not.
    assert {name: each.limit for name, each in found._levels.items()} == {
        "exempt": 1, "catch-all": 30, "global-default": 56, "leader-election": 58,
        "node-high": 170, "system": 117, "workload-high": 114, "workload-low": 56,
    }  # fmt: skip


def test_schemas_are_tried_by_precedence_and_name_and_need_their_level() -> None:
    found = control()
    assert found.classify(JANE)[0].name == "catch-all"
    found.put_schema(schema("b", "mine"))
    assert found.classify(JANE)[0].name == "catch-all"
    found.put_level(level("mine", 10))
    assert found.classify(JANE)[0].name == "b"
    found.put_schema(schema("a", "mine"))
    assert found.classify(JANE)[0].name == "a"
    found.put_schema(schema("z", "mine", 9))
    assert found.classify(JANE)[0].name == "z"
    found.remove_schema("z")
    found.remove_schema("unknown")
    assert found.classify(JANE)[0].name == "a"
    found.remove_level("mine")
    assert found.classify(JANE)[0].name == "catch-all"


def test_flows_are_remembered_until_the_configuration_changes() -> None:
    found = control()
    pods = [parse("GET", f"/api/v1/namespaces/{name}/pods/p") for name in ("n", "m", "special")]

    def keys() -> list[tuple[str, str]]:
        return [found.flow(JANE.user, "get", target).key for target in pods]

    first = found.flow(JANE.user, "get", pods[0])
    assert found.flow(JANE.user, "get", pods[1]) is first
    assert keys() == [("catch-all", "jane")] * 3
    found.put_level(level("mine", 10))
    rule = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["pods"], "namespaces": ["special"]}
    spec = {
        "priorityLevelConfiguration": {"name": "mine"},
        "matchingPrecedence": 10,
        "rules": [
            {
                "subjects": [{"kind": "User", "user": {"name": "jane"}}],
                "resourceRules": [rule],
            }
        ],
    }
    found.put_schema(FlowSchema({"metadata": {"name": "s"}, "spec": spec}))
    assert keys() == [("catch-all", "jane"), ("catch-all", "jane"), ("s", "")]
    rule["namespaces"] = ["*"]
    spec["distinguisherMethod"] = {"type": "ByNamespace"}
    found.put_schema(FlowSchema({"metadata": {"name": "s"}, "spec": spec}))
    assert keys() == [("s", "n"), ("s", "m"), ("s", "special")]
    assert found.flow(JANE.user, "get", parse("GET", "/version")).key == ("catch-all", "jane")
    mine = seats(found, "mine")
    assert "s" in mine.counts
    found.remove_schema("s")
    assert "s" not in mine.counts
    assert keys() == [("catch-all", "jane")] * 3


def test_the_mandatory_objects_are_in_force_without_being_stored() -> None:
    found = control()
    for name in ("exempt", "catch-all"):
        found.remove_schema(name)
        found.remove_level(name)
    assert found.classify(JANE)[1].name == "catch-all"


async def test_seats_that_are_not_used_are_lent_and_come_back() -> None:
    clock = Clock()
    found = control(100, clock)
    found.put_level(level("lender", 70, lendablePercent=50))
    found.put_level(level("borrower", 25))
    lender, borrower = seats(found, "lender"), seats(found, "borrower")
    borrower.demand.change(90, clock.now)
    clock.now = 10
    found.adjust()
    # What is not lendable stays, and the catch-all level lends nothing.
    assert (lender.limit, borrower.limit) == (35, 60)
    lender.demand.change(80, clock.now)
    found.adjust()
    assert (lender.limit, borrower.limit) == (70, 25)


def test_seats_of_exempt_requests_are_lent_too() -> None:
    clock = Clock()
    found = control(100, clock)
    found.put_level(level("borrower", 45))
    exempt = {"nominalConcurrencyShares": 50, "lendablePercent": 40}
    spec = {"type": "Exempt", "exempt": exempt}
    found.put_level({"metadata": {"name": "exempt"}, "spec": spec})
    borrower = seats(found, "borrower")
    assert (seats(found, "exempt").nominal, borrower.nominal) == (50, 45)
    borrower.demand.change(90, 0.0)
    clock.now = 10.0
    found.adjust()
    assert borrower.limit == 65
    seats(found, "exempt").demand.change(40, 10.0)
    found.adjust()
    assert borrower.limit == 55


async def test_borrowing_may_be_limited() -> None:
    found = control(100)
    found.put_level(level("lender", 70, lendablePercent=100))
    found.put_level(level("borrower", 25, borrowingLimitPercent=20))
    borrower = seats(found, "borrower")
    borrower.demand.change(90, 0.0)
    found.adjust()
    assert borrower.limit == 30


async def test_a_level_that_is_deleted_serves_those_who_wait() -> None:
    found = control()
    found.put_level(level("mine", 10))
    mine = seats(found, "mine")
    await hold(mine, mine.limit)
    found.remove_level("mine")
    for _ in range(mine.executing):
        mine.leave()
    assert mine.executing == 0


def test_there_are_metrics() -> None:
    names = [family.name for family in control().families()]
    assert "apiserver_flowcontrol_rejected_requests" in names
    assert "apiserver_flowcontrol_current_executing_requests" in names
