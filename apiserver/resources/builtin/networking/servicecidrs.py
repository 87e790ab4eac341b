"""ServiceCIDR."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.empties import member
from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.addresses import parse_cidr
from apiserver.resources.builtin.parts.ipforms import validate_canonical_cidr
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import CHANGE, Strategy, with_metadata_of

_PATH: Final = "spec.cidrs"
_IMMUTABLE: Final = "field is immutable"


def _cidrs(document: Object) -> list[str]:
    return (document.get("spec") or {}).get("cidrs") or []


def _cells(document: Object) -> list[Any]:
    return [",".join(_cidrs(document))]


class ServiceCIDRStrategy(Strategy):
    """A ServiceCIDR is a range of addresses for Services; it may get one of the other family."""

    metadata_checks = (CHANGE,)
    reset_fields = {"status": {"f:metadata": {}, "f:spec": {}}}  # noqa: RUF012
    printer = aged((Column("CIDRs", source="api.networking.v1.ServiceCIDRSpec.cidrs"),), _cells)

    def validate(self, document: Object) -> list[FieldError]:
        cidrs = _cidrs(document)
        if not cidrs:
            return [required(_PATH, "at least one CIDR required")]
        if len(cidrs) > 2:
            return [invalid(_PATH, {"CIDRs": cidrs}, "may only hold up to 2 values")]
        errors: list[FieldError] = []
        for index, cidr in enumerate(cidrs):
            errors += validate_canonical_cidr(cidr, f"{_PATH}[{index}]")
        families = [network.version for cidr in cidrs if (network := parse_cidr(cidr))]
        if len(families) == 2 and families[0] == families[1]:
            detail = (
                "may specify no more than one IP for each IP family, "
                "i.e 192.168.0.0/24 and 2001:db8::/64"
            )
            errors.append(invalid(_PATH, cidrs, detail))
        return errors

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        new, before = _cidrs(document), _cidrs(old)
        if len(new) == len(before):
            pairs = enumerate(zip(new, before, strict=True))
            return [invalid(f"{_PATH}[{i}]", n, _IMMUTABLE) for i, (n, b) in pairs if n != b]
        if len(before) == 1 and len(new) == 2:
            changed = [] if new[0] == before[0] else [invalid(f"{_PATH}[0]", new[0], _IMMUTABLE)]
            return changed + self.validate(document)
        shown = member(document["spec"], "cidrs")
        return [invalid(_PATH, shown, _IMMUTABLE)]

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        return super().prepare_for_status_update(with_metadata_of(document, old), old)


STRATEGY = ServiceCIDRStrategy
