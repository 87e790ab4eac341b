"""Label selectors: the syntax of ``?labelSelector=`` and matching.

The syntax is in the API documentation, "Labels and selectors": requirements joined by commas, each
``key``, ``!key``, ``key=value``, ``key==value``, ``key!=value``, ``key in (a,b)``,
``key notin (a,b)``, ``key>1`` or ``key<1``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from apiserver.machinery.integers import parse_int64
from apiserver.machinery.names import label_key_problems, label_value_problems
from apiserver.machinery.quoting import quote
from apiserver.machinery.textcache import cache_by_text
from apiserver.machinery.valueclasses import valueclass

_TOKEN = re.compile(r"==|!=|[=!(),><]|[^ \t\r\n=!(),><]+")
_SPECIAL = frozenset(["=", "==", "!=", "!", "(", ")", ",", ">", "<"])
_OPERATORS = {
    "=": "in", "==": "in", "in": "in", "!=": "notin", "notin": "notin", ">": ">", "<": "<",
}  # fmt: skip
#: The operators of ``matchExpressions``.
OPERATORS: Final = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
_EXPECTED_OPERATOR = "in, notin, =, ==, !=, gt, lt"


class SelectorError(ValueError):
    """An invalid selector; the message is Kubernetes'."""


@valueclass
class Requirement:
    """A condition on a label."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels meet the condition."""
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        try:
            left, right = parse_int64(value or ""), parse_int64(next(iter(self.values)))
        except (OverflowError, ValueError):
            return False
        return left > right if self.operator == ">" else left < right


@valueclass
class LabelSelector:
    """A conjunction of conditions; an empty one matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.requirements)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels meet every condition."""
        return all(requirement.matches(labels) for requirement in self.requirements)

    def only_equality(self) -> tuple[str, str] | None:
        """Return key and value if the only condition is equality with one value."""
        return self.equality() if len(self.requirements) == 1 else None

    def equality(self) -> tuple[str, str] | None:
        """Return key and value of the first condition that is equality with one value."""
        for each in self.requirements:
            if each.operator == "in" and len(each.values) == 1:
                return each.key, next(iter(each.values))
        return None


EVERYTHING = LabelSelector()


def label_selector_of(document: Mapping[str, Any] | None) -> LabelSelector | None:
    """Return the selector that an object has: ``matchLabels`` and ``matchExpressions``.

    No selector (``None``) selects nothing, an empty one everything. Raises ValueError, with
    Kubernetes' message, for an unknown operator.
    """
    if document is None:
        return None
    requirements = [
        Requirement(key, "in", frozenset([value]))
        for key, value in (document.get("matchLabels") or {}).items()
    ]
    for expression in document.get("matchExpressions") or ():
        operator = OPERATORS.get(expression.get("operator", ""))
        if operator is None:
            shown = expression.get("operator", "")
            raise ValueError(f'"{shown}" is not a valid label selector operator')
        values = frozenset(expression.get("values") or ())
        requirements.append(Requirement(expression["key"], operator, values))
    return LabelSelector(tuple(requirements))


@cache_by_text(512)
def parse_label_selector(text: str) -> LabelSelector:
    """Parse a selector. Raises SelectorError."""
    tokens = _TOKEN.findall(text)
    if not tokens:
        return EVERYTHING
    parser = _Parser(tokens)
    return LabelSelector(tuple(parser.requirements()))


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def requirements(self) -> Iterator[Requirement]:
        if self._peek() in _SPECIAL - {"!"}:
            raise SelectorError(
                f"found '{self._peek()}', expected: !, identifier, or 'end of string'"
            )
        while True:
            yield self._requirement()
            separator = self._take()
            if not separator:
                return
            if separator != ",":
                raise SelectorError(f"found '{separator}', expected: ',' or 'end of string'")
            following = self._peek()
            if not following or following in _SPECIAL - {"!"}:
                raise SelectorError(f"found '{following}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        negated = self._peek() == "!"
        if negated:
            self._take()
        key = self._take()
        if not key or key in _SPECIAL:
            raise SelectorError(f"unable to parse requirement: found '{key}', expected: identifier")
        _check_key(key)
        if negated:
            return Requirement(key, "!")
        if self._peek() in ("", ","):
            return Requirement(key, "exists")
        return self._comparison(key)

    def _comparison(self, key: str) -> Requirement:
        written = self._take()
        operator = _OPERATORS.get(written)
        if operator is None:
            raise SelectorError(
                f"unable to parse requirement: found '{written}', expected: {_EXPECTED_OPERATOR}"
            )
        # Errors count values in their order, each once.
        values = sorted(set(self._set())) if written in ("in", "notin") else [self._value()]
        _check_values(key, operator, values)
        return Requirement(key, operator, frozenset(values))

    def _value(self) -> str:
        if self._peek() in ("", ","):
            return ""
        token = self._take()
        if token in _SPECIAL:
            raise SelectorError(
                f"unable to parse requirement: found '{token}', expected: identifier"
            )
        return token

    def _set(self) -> list[str]:
        opening = self._take()
        if opening != "(":
            raise SelectorError(f"unable to parse requirement: found '{opening}' expected: '('")
        values: list[str] = []
        pending = ""
        while True:
            token = self._take()
            if token in (",", ")"):
                values.append(pending)
                pending = ""
                if token == ")":
                    return values
            elif not token or token in _SPECIAL or pending:
                raise SelectorError(
                    f"unable to parse requirement: found '{token}', expected: ',' or ')'"
                )
            else:
                pending = token

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._at += 1
        return token


def _check_key(key: str) -> None:
    problems = label_key_problems(key)
    if problems:
        raise SelectorError(
            f"unable to parse requirement: <nil>: Invalid value: {quote(key)}: "
            + "; ".join(problems)
        )


def _check_values(key: str, operator: str, values: Sequence[str]) -> None:
    problems = []
    if operator in "<>" and not _is_int64(values[0]):
        problems.append(
            f"values[0]: Invalid value: {quote(values[0])}: "
            "for 'Gt', 'Lt' operators, the value must be an integer"
        )
    problems += [
        f"values[{index}][{key}]: Invalid value: {quote(value)}: " + "; ".join(invalid)
        for index, value in enumerate(values)
        if (invalid := label_value_problems(value))
    ]
    if problems:
        listed = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        raise SelectorError(f"unable to parse requirement: {listed}")


def _is_int64(text: str) -> bool:
    try:
        parse_int64(text)
    except (OverflowError, ValueError):
        return False
    return True
