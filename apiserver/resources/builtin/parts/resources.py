"""Resources: the requests and limits of containers and Pods.

Native resources have plain names (``cpu``) or names below ``kubernetes.io``. Extended resources
have a domain (``example.com/gpu``), integer quantities, and cannot be overcommitted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import ROUND_UP, Decimal
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.names import label_key_problems
from apiserver.machinery.quantity import canonical, has_no_fraction, parse_quantity
from apiserver.machinery.quoting import quote
from apiserver.machinery.textcache import cache_by_text
from apiserver.resources.builtin.parts.names import validate_dns_label
from apiserver.resources.builtin.parts.numbers import NEGATIVE

CPU, MEMORY, STORAGE, EPHEMERAL_STORAGE = "cpu", "memory", "storage", "ephemeral-storage"
COMPUTE: Final = frozenset([CPU, MEMORY])
HUGE_PAGES: Final = "hugepages-"

_OF_CONTAINERS: Final = frozenset([CPU, MEMORY, EPHEMERAL_STORAGE])
_COUNTED: Final = frozenset(
    [
        "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps",
        "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
    ]
)  # fmt: skip
_STANDARD: Final = frozenset(
    [
        *_OF_CONTAINERS, *_COUNTED, STORAGE, "requests.cpu", "requests.memory", "requests.storage",
        "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage",
    ]
)  # fmt: skip
#: The number of decimal places of quantities of resources.
_FINEST: Final = 3
_NOT_WHOLE: Final = "must be an integer"


@cache_by_text(4096)
def amount(text: str) -> Decimal:
    """Return the numeric value of a quantity. Raises ValueError."""
    return parse_quantity(text)[0]


@cache_by_text(4096)
def rounded(text: str) -> str:
    """Return a quantity rounded up to thousandths, the finest unit of resources."""
    _, e, exponent = text.lower().partition("e-")
    is_fine = int(exponent) > _FINEST if e else text[-1:] in ("n", "u")
    if not is_fine:
        return text
    thousandths = (amount(text) * 1000).to_integral_value(rounding=ROUND_UP)
    return canonical(f"{thousandths}{'e-3' if e else 'm'}")


def default_quantities(resources: dict[str, str]) -> None:
    """Round the quantities of a map of resources."""
    for name, text in resources.items():
        resources[name] = rounded(text)


def default_requirements(requirements: dict[str, Any]) -> None:
    """Fill in the requirements of a container, in a Pod or in a template."""
    for part in ("limits", "requests"):
        if part in requirements:
            default_quantities(requirements[part])


def default_requests(requirements: dict[str, Any]) -> None:
    """Default missing requests to the limits. Applies to Pods, not to templates."""
    limits = requirements.get("limits")
    if limits:
        requirements["requests"] = {**limits, **requirements.get("requests", {})}


def is_huge_page(name: str) -> bool:
    """Return whether a resource is memory in large pages: ``hugepages-2Mi``."""
    return name.startswith(HUGE_PAGES)


def is_native(name: str) -> bool:
    """Return whether a resource is Kubernetes' own."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """Return whether a resource is an extended resource with a valid name."""
    if is_native(name) or name.startswith("requests."):
        return False
    return not label_key_problems(f"requests.{name}")


def is_whole(name: str) -> bool:
    """Return whether a resource only comes in whole numbers."""
    return name in _COUNTED or is_extended(name)


def may_overcommit(name: str) -> bool:
    """Return whether limits on a resource may exceed what is requested."""
    return is_native(name) and not is_huge_page(name)


def of_whole_pods(name: str) -> bool:
    """Return whether a resource may be requested for a Pod as a whole."""
    return name in COMPUTE or is_huge_page(name)


def validate_nonnegative_quantity(text: str, path: str) -> list[FieldError]:
    """Reject a quantity below zero."""
    return [invalid(path, text, NEGATIVE)] if text.startswith("-") else []


def validate_basic_quantity(text: str, path: str) -> list[FieldError]:
    """Reject a quantity below zero; the error shows it as a number of whole units."""
    number = amount(text)
    if number >= 0:
        return []
    whole = int(number.to_integral_value(rounding=ROUND_UP))
    return [invalid(path, whole, "must be a valid resource quantity")]


def validate_quantity_of(name: str, text: str, path: str) -> list[FieldError]:
    """Validate a quantity of a resource."""
    errors = validate_nonnegative_quantity(text, path)
    if is_whole(name) and not has_no_fraction(amount(text)):
        errors.append(invalid(path, text, _NOT_WHOLE))
    return errors


def validate_resource_name(name: str, path: str) -> list[FieldError]:
    """Reject a name that is neither standard nor qualified."""
    errors = [invalid(path, name, problem) for problem in label_key_problems(name)]
    if errors or "/" in name or name in _STANDARD or name.startswith(_ANY_HUGE_PAGES):
        return errors
    return [invalid(path, name, "must be a standard resource type or fully qualified")]


_ANY_HUGE_PAGES: Final = (HUGE_PAGES, f"requests.{HUGE_PAGES}")


def _container_name(name: str, path: str) -> list[FieldError]:
    if name in _OF_CONTAINERS:
        return []
    errors = validate_resource_name(name, path)
    if "/" not in name:
        if not is_huge_page(name):
            errors.append(invalid(path, name, "must be a standard resource for containers"))
    elif not is_native(name) and not is_extended(name):
        errors.append(invalid(path, name, "doesn't follow extended resource name standard"))
    return errors


def _pod_name(name: str, path: str) -> list[FieldError]:
    errors = validate_resource_name(name, path)
    if not errors and not of_whole_pods(name):
        errors.append(not_supported(path, name, (CPU, HUGE_PAGES, MEMORY)))
    return errors


def validate_requirements(
    requirements: Mapping[str, Any],
    path: str,
    *,
    claims: Collection[str] = (),
    any_page_count: bool = False,
) -> list[FieldError]:
    """Validate the requirements of a container.

    ``claims`` are the names of the Pod's resource claims. ``any_page_count``: quantities that are
    not a multiple of the huge page size are accepted.
    """
    errors = _requirements(requirements, path, _container_name, any_page_count=any_page_count)
    if "claims" in requirements:
        errors += _claims(requirements["claims"], claims, f"{path}.claims")
    return errors


def validate_pod_requirements(
    requirements: Mapping[str, Any], path: str, *, any_page_count: bool = False
) -> list[FieldError]:
    """Validate the requirements of a Pod as a whole."""
    errors: list[FieldError] = []
    if "claims" in requirements:
        detail = "claims cannot be set for Resources at pod-level"
        errors.append(forbidden(f"{path}.claims", detail))
    return errors + _requirements(requirements, path, _pod_name, any_page_count=any_page_count)


def _requirements(
    requirements: Mapping[str, Any],
    path: str,
    check_name: Callable[[str, str], list[FieldError]],
    *,
    any_page_count: bool,
) -> list[FieldError]:
    limits: dict[str, str] = requirements.get("limits") or {}
    requests: dict[str, str] = requirements.get("requests") or {}
    if not limits and not requests:
        return []
    errors: list[FieldError] = []
    for name, text in limits.items():
        errors += _one(name, text, f"{path}.limits[{name}]", check_name)
        if not any_page_count and is_huge_page(name):
            errors += _pages(name, text, f"{path}.limits[{name}]")
    for name, text in requests.items():
        errors += _one(name, text, f"{path}.requests[{name}]", check_name)
        if limits.get(name) != text:
            errors += _within_limit(name, text, limits.get(name), path)
        if not any_page_count and is_huge_page(name):
            errors += _pages(name, text, f"{path}.requests[{name}]")
    named = limits.keys() | requests.keys()
    if not COMPUTE & named and any(map(is_huge_page, named)):
        errors.append(forbidden(path, "HugePages require cpu or memory"))
    return errors


def _one(
    name: str, text: str, path: str, check_name: Callable[[str, str], list[FieldError]]
) -> list[FieldError]:
    if name in COMPUTE and text[:1] != "-":
        return []
    return check_name(name, path) + validate_quantity_of(name, text, path)


def _within_limit(name: str, text: str, limit: str | None, path: str) -> list[FieldError]:
    if limit is None:
        if may_overcommit(name):
            return []
        detail = "Limit must be set for non overcommitable resources"
        return [required(f"{path}.limits", detail)]
    asked, allowed = amount(text), amount(limit)
    if asked != allowed and not may_overcommit(name):
        detail = f"must be equal to {name} limit of {limit}"
    elif asked > allowed:
        detail = f"must be less than or equal to {name} limit of {limit}"
    else:
        return []
    return [invalid(f"{path}.requests", text, detail)]


def is_divisible(name: str, text: str) -> bool:
    """Return whether a quantity of huge pages is a number of such pages."""
    try:
        size = amount(name.removeprefix(HUGE_PAGES))
    except ValueError:
        return False
    number = amount(text)
    if size <= 0 or not has_no_fraction(size) or not has_no_fraction(number):
        return False
    return int(number) % int(size) == 0


def _pages(name: str, text: str, path: str) -> list[FieldError]:
    if is_divisible(name, text):
        return []
    return [invalid(path, text, f"{text} is not positive integer multiple of {name}")]


def _claims(
    claims: Iterable[dict[str, Any]], known: Collection[str], path: str
) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for index, claim in enumerate(claims):
        where, name, request = f"{path}[{index}]", claim["name"], claim.get("request", "")
        if not name:
            errors.append(required(where))
            continue
        if (name, request) in seen:
            errors.append(duplicate(where, name))
        seen.add((name, request))
        if request:
            errors += validate_dns_label(request, f"{where}.request")
        if name not in known:
            rest = ": " + ", ".join(sorted(known)) if known else " which is empty"
            body = f"Not found: {quote(name)}: must be one of the names in pod.spec.resourceClaims"
            errors.append(FieldError("FieldValueNotFound", where, body + rest))
    return errors


def add(total: dict[str, Decimal], resources: Mapping[str, str] | None) -> None:
    """Add quantities to a sum, in place."""
    for name, text in (resources or {}).items():
        total[name] = total.get(name, Decimal(0)) + amount(text)
