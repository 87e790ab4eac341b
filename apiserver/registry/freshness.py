"""resourceVersion as a bound on the staleness of a response.

It is an unsigned integer of 64 bits, while a revision has 63: larger ones have not come yet.
"""

from __future__ import annotations

from apiserver.machinery.errors import BadRequest, UnknownError
from apiserver.machinery.integers import parse_integer
from apiserver.machinery.quoting import quote
from apiserver.registry.errors import future_revision
from apiserver.registry.view import ObjectView

_MAX = (1 << 64) - 1


def _problem(text: str) -> str | None:
    syntax = text.isascii() and text.isdigit()
    if syntax and parse_integer(text) <= _MAX:
        return None
    why = "value out of range" if syntax else "invalid syntax"
    return f"strconv.ParseUint: parsing {quote(text)}: {why}"


def _field_problem(text: str) -> str | None:
    problem = _problem(text)
    return problem and f"resourceVersion: Invalid value: {quote(text)}: {problem}"


def parse_precondition(text: str) -> int:
    """Parse the resourceVersion of an object. A malformed one is a 500, as in Kubernetes."""
    problem = _problem(text)
    if problem:
        raise UnknownError(problem)
    return parse_integer(text)


def parse_for_get(text: str) -> int:
    """Parse the resourceVersion of a get or a watch. A malformed one is a 500, as in Kubernetes."""
    problem = _field_problem(text)
    if problem:
        raise UnknownError(problem)
    return parse_integer(text)


def parse_for_list(text: str) -> int:
    """Parse the resourceVersion of a list. Raises BadRequest."""
    problem = _field_problem(text)
    if problem:
        raise BadRequest(f"invalid resource version: {problem}")
    return parse_integer(text)


async def not_older(store: ObjectView, revision: int) -> None:
    """Wait until the cache is at least as new as ``revision``. Raises Timeout."""
    if not await store.wait_for_revision(revision):
        raise future_revision(revision, store.cached_revision)
