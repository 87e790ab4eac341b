"""PriorityLevelConfiguration."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.flowcontrol.bootstrap import bootstrap_priority_levels
from apiserver.resources.builtin.flowcontrol.statuses import validate_status
from apiserver.resources.printing import NONE, Column, aged
from apiserver.resources.strategy import WHOLE, Strategy, with_metadata_of
from apiserver.schema.internalform import internal_form

EXEMPT, LIMITED = "Exempt", "Limited"
_EXEMPT, _CATCH_ALL = "exempt", "catch-all"
QUEUE, REJECT = "Queue", "Reject"
_SHARES, _QUEUES, _HAND_SIZE, _QUEUE_LENGTH = 30, 64, 8, 50
_MAX_QUEUES: Final = 10_000_000
# A hash of 60 bits deals the hand.
_MAX_ENTROPY: Final = 60
_LEVEL: Final = "api.flowcontrol.v1"

_COLUMNS: Final = (
    Column("Type", source=f"{_LEVEL}.PriorityLevelConfigurationSpec.type"),
    Column(
        "NominalConcurrencyShares",
        source=f"{_LEVEL}.LimitedPriorityLevelConfiguration.nominalConcurrencyShares",
    ),
    Column("Queues", source=f"{_LEVEL}.QueuingConfiguration.queues"),
    Column("HandSize", source=f"{_LEVEL}.QueuingConfiguration.handSize"),
    Column("QueueLengthLimit", source=f"{_LEVEL}.QueuingConfiguration.queueLengthLimit"),
)


def _cells(document: Object) -> list[Any]:
    spec = document.get("spec") or {}
    limited = spec.get("limited")
    shares = NONE if limited is None else limited.get("nominalConcurrencyShares", 0)
    queuing = ((limited or {}).get("limitResponse") or {}).get("queuing")
    if queuing is None:
        return [spec.get("type", ""), shares, NONE, NONE, NONE]
    members = ("queues", "handSize", "queueLengthLimit")
    return [spec.get("type", ""), shares, *(queuing.get(member, 0) for member in members)]


class PriorityLevelConfigurationStrategy(Strategy):
    """A priority level has a share of the server's concurrency, and queues for the excess."""

    metadata_checks = (WHOLE,)
    reset_fields = {"status": {"f:metadata": {}, "f:spec": {}}}  # noqa: RUF012
    generation_of = ("spec",)
    printer = aged(_COLUMNS, _cells)

    def default(self, document: Object) -> None:
        spec = document["spec"]
        if spec.get("type") == EXEMPT and spec.get("exempt") is None:
            spec["exempt"] = {}
        exempt, limited = spec.get("exempt"), spec.get("limited")
        if exempt is not None:
            exempt.setdefault("nominalConcurrencyShares", 0)
            exempt.setdefault("lendablePercent", 0)
        if limited is not None:
            if limited.get("nominalConcurrencyShares") is None:
                limited["nominalConcurrencyShares"] = _SHARES
            limited.setdefault("lendablePercent", 0)
            queuing = (limited.get("limitResponse") or {}).get("queuing")
            if queuing is not None:
                queuing["queues"] = queuing.get("queues") or _QUEUES
                queuing["handSize"] = queuing.get("handSize") or _HAND_SIZE
                queuing["queueLengthLimit"] = queuing.get("queueLengthLimit") or _QUEUE_LENGTH

    def validate(self, document: Object) -> list[FieldError]:
        spec, name = document["spec"], document["metadata"].get("name", "")
        type_, limited, exempt = spec.get("type", ""), spec.get("limited"), spec.get("exempt")
        errors = []
        if (name == _EXEMPT) != (type_ == EXEMPT):
            detail = "must be 'Exempt' if and only if `name` is 'exempt'"
            errors.append(invalid("spec.type", type_, detail))
        if type_ == EXEMPT:
            if limited is not None:
                detail = "must be nil if the type is not Limited"
                errors.append(forbidden("spec.limited", detail))
            errors += _validate_shares(exempt or {}, "spec.exempt", least=0)
        elif type_ == LIMITED:
            if exempt is not None:
                detail = "must be nil if the type is Limited"
                errors.append(forbidden("spec.exempt", detail))
            if limited is None:
                errors.append(required("spec.limited", "must not be empty when type is Limited"))
            else:
                errors += _validate_limited(limited)
        else:
            errors.append(not_supported("spec.type", type_, (EXEMPT, LIMITED)))
        return errors + _validate_mandatory(spec, name) + validate_status(document)

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        return super().prepare_for_status_update(with_metadata_of(document, old), old)

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return validate_status(document)


def _validate_mandatory(spec: dict[str, Any], name: str) -> list[FieldError]:
    mandatory = _mandatory().get(name)
    if mandatory is None:
        return []
    ignored = ("exempt",) if name == _EXEMPT else ()
    kept, wanted = (
        {key: value for key, value in each.items() if key not in ignored}
        for each in (spec, mandatory)
    )
    if deep_equal(kept, wanted):
        return []
    shown = internal_form("flowcontrol.v1.PriorityLevelConfigurationSpec", spec)
    but = " except the 'spec.exempt' field" if ignored else ""
    return [invalid("spec", shown, f"spec of '{name}'{but} must equal the fixed value")]


@cache
def _mandatory() -> dict[str, Object]:
    """Return the specs of the levels that every cluster has."""
    return {
        level["metadata"]["name"]: level["spec"]
        for level in bootstrap_priority_levels()
        if level["metadata"]["name"] in (_EXEMPT, _CATCH_ALL)
    }


def _validate_shares(level: dict[str, Any], path: str, *, least: int) -> list[FieldError]:
    shares, percent = level.get("nominalConcurrencyShares"), level.get("lendablePercent")
    errors = []
    if shares is not None and shares < least:
        detail = "must be a non-negative integer"
        errors.append(invalid(f"{path}.nominalConcurrencyShares", shares, detail))
    if percent is not None and not 0 <= percent <= 100:
        detail = "must be between 0 and 100, inclusive"
        errors.append(invalid(f"{path}.lendablePercent", percent, detail))
    return errors


def _validate_limited(limited: dict[str, Any]) -> list[FieldError]:
    errors = _validate_shares(limited, "spec.limited", least=0)
    borrowing = limited.get("borrowingLimitPercent")
    if borrowing is not None and borrowing < 0:
        detail = "if specified, must be a non-negative integer"
        errors.append(invalid("spec.limited.borrowingLimitPercent", borrowing, detail))
    response = limited.get("limitResponse") or {}
    path = "spec.limited.limitResponse"
    type_, queuing = response.get("type", ""), response.get("queuing")
    if type_ == REJECT:
        if queuing is not None:
            detail = "must be nil if limited.limitResponse.type is not Limited"
            errors.append(forbidden(f"{path}.queuing", detail))
    elif type_ == QUEUE:
        if queuing is None:
            detail = "must not be empty if limited.limitResponse.type is Limited"
            return [*errors, required(f"{path}.queuing", detail)]
        errors += _validate_queuing(queuing, f"{path}.queuing")
    else:
        errors.append(not_supported(f"{path}.type", type_, (QUEUE, REJECT)))
    return errors


def _validate_queuing(queuing: dict[str, Any], path: str) -> list[FieldError]:
    queues, hand, length = (
        queuing.get(member, 0) for member in ("queues", "handSize", "queueLengthLimit")
    )
    errors = []
    if length <= 0:
        errors.append(invalid(f"{path}.queueLengthLimit", length, "must be positive"))
    if queues <= 0:
        errors.append(invalid(f"{path}.queues", queues, "must be positive"))
    elif queues > _MAX_QUEUES:
        detail = f"must not be greater than {_MAX_QUEUES}"
        errors.append(invalid(f"{path}.queues", queues, detail))
    if hand <= 0:
        errors.append(invalid(f"{path}.handSize", hand, "must be positive"))
    elif hand > queues:
        detail = f"should not be greater than queues ({queues})"
        errors.append(invalid(f"{path}.handSize", hand, detail))
    elif math.ceil(math.log2(queues) * hand) > _MAX_ENTROPY:
        detail = (
            f"required entropy bits of deckSize {queues} and handSize {hand} should not be "
            f"greater than {_MAX_ENTROPY}"
        )
        errors.append(invalid(f"{path}.handSize", hand, detail))
    return errors


STRATEGY = PriorityLevelConfigurationStrategy
