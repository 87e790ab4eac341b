"""Literals in a checked expression: those that cannot mean what they are used for.

The API server looks for four sorts of them after the type check (cel-go, "AST validators"): texts
of durations, times and patterns that are none, lists and maps with members of several types, and
templates of ``format`` that do not fit what they are given. What has another type than its
predecessors is an error, even if one of the types is ``dyn``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from apiserver.cel.errors import EvaluationError
from apiserver.cel.formatting import UnfitArgumentError, clause_of, clauses
from apiserver.cel.sourcelocations import SourceLocations
from apiserver.cel.syntaxtree import parts_of
from apiserver.cel.textfunctions import compile_pattern
from apiserver.cel.timevalues import parse_duration, parse_timestamp

_PRIMITIVES: Final = ("dyn", "bool", "int", "uint", "double", "string", "bytes")
_WELL_KNOWN: Final = ("dyn", "any", "timestamp", "duration")
_TEXTS: Final[Mapping[str, Callable[[str], Any]]] = {
    "duration": parse_duration,
    "timestamp": parse_timestamp,
    "matches": compile_pattern,
}
#: The function whose list may have members of any type.
_MIXED: Final = "format"
_INTEGERS: Final = frozenset(["int", "uint"])
_DOUBLES: Final = frozenset(["double", "string"])
# The types that a clause of a template shows.
_SHOWN: Final[Mapping[str, frozenset[str]]] = {
    "s": frozenset([
        "list", "map", "int", "uint", "double", "bool", "string", "bytes", "type", "null_type",
        "google.protobuf.Timestamp", "google.protobuf.Duration",
    ]),
    "d": _INTEGERS, "o": _INTEGERS, "b": _INTEGERS | {"bool"}, "f": _DOUBLES, "e": _DOUBLES,
    "x": _INTEGERS | {"string", "bytes"}, "X": _INTEGERS | {"string", "bytes"},
}  # fmt: skip
# Names that differ from those of lists and maps.
_RUNTIME_NAMES: Final = {
    "null": "null_type", "timestamp": "google.protobuf.Timestamp",
    "duration": "google.protobuf.Duration",
}  # fmt: skip


def literal_problems(checked: Any, source: str) -> list[str]:
    """Return the errors in a ``cel.expr.CheckedExpr``, with their locations, in order."""
    problems = _Problems({entry.key: entry.value for entry in checked.types})
    problems.visit(checked.expr)
    offsets = {entry.key: entry.value for entry in checked.source.positions}
    found = [(offsets.get(id_, 0), text) for id_, text in problems.found]
    locations = SourceLocations(source)
    return [locations.shown(*locations.of(offset), text) for offset, text in sorted(found)]


class _Problems:
    def __init__(self, types: Mapping[int, Any]) -> None:
        self._types = types
        #: Expressions by their ids, and their errors.
        self.found: list[tuple[int, str]] = []

    def visit(self, root: Any) -> None:
        left = [(root, False)]
        while left:
            expr, may_mix = left.pop()
            if expr.HasField("call"):
                self._check_text(expr.call)
                mixes = expr.call.function == _MIXED
                if mixes:
                    self._check_template(expr)
                left += [(each, mixes) for each in parts_of(expr)]
                continue
            is_aggregate = _is_aggregate(expr)
            if is_aggregate and not may_mix:
                self._check_members(expr)
            left += [(part, is_aggregate and may_mix) for part in parts_of(expr)]

    def _check_text(self, call: Any) -> None:
        parse = _TEXTS.get(call.function)
        if parse is None or not call.args or not call.args[0].HasField("constant"):
            return
        literal = call.args[0]
        if not literal.constant.HasField("string"):
            return
        try:
            parse(literal.constant.string)
        except EvaluationError:
            self.found.append((literal.id, f"invalid {call.function} argument"))

    def _check_template(self, expr: Any) -> None:
        """Find what is wrong with ``'%d'.format([1])``, if both are literals."""
        call = expr.call
        literal = call.target.HasField("constant") and call.target.constant.HasField("string")
        if not literal or len(call.args) != 1 or not call.args[0].HasField("list"):
            return
        arguments = call.args[0].list.items
        try:
            used = self._check_clauses(call.target.constant.string, arguments)
        except EvaluationError as error:
            self.found.append((expr.id, str(error)))
        except _UnfitError as unfit:
            self.found.append((unfit.expr.id, str(unfit)))
        else:
            if used < len(arguments):
                text = f"(expected {used}, got {len(arguments)})"
                found = f"too many arguments supplied to string.format {text}"
                self.found.append((expr.id, found))

    def _check_clauses(self, template: str, arguments: Sequence[Any]) -> int:
        """Return how many arguments are shown."""
        used = 0
        for match in clauses(template):
            if match.group() == "%%":
                continue
            verb, _ = clause_of(match)
            if used >= len(arguments):
                raise EvaluationError(f"index {used} out of range")
            self._check_shown(arguments[used], verb)
            used += 1
        return used

    def _check_shown(self, argument: Any, verb: str) -> None:
        """Raise _UnfitError if a clause cannot show an argument, or what is in it."""
        left = [argument]
        while left:
            expr = left.pop()
            name = _runtime_name(self._types.get(expr.id))
            if name and name not in _SHOWN[verb]:
                raise _UnfitError(expr, verb, name)
            if verb == "s" and _is_aggregate(expr):
                left += reversed(list(parts_of(expr)))

    def _check_members(self, expr: Any) -> None:
        if expr.HasField("list"):
            optional = set(expr.list.optional)
            members = [(item, at in optional) for at, item in enumerate(expr.list.items)]
            self.found += self._mismatches(members)[:1]
        else:
            entries = expr.struct.entries
            self.found += self._mismatches([(entry.key, False) for entry in entries])
            self.found += self._mismatches([(entry.value, entry.optional) for entry in entries])

    def _mismatches(self, members: Sequence[tuple[Any, bool]]) -> list[tuple[int, str]]:
        """Return the expressions with another type than the first; some are optional."""
        found, first, is_open = [], "", False
        for expr, is_optional in members:
            type_ = _type(self._types.get(expr.id))
            if is_optional:
                type_ = type_.removeprefix("optional_type(").removesuffix(")")
            if is_open and _head(type_) == _head(first):
                first, is_open = "", False
            if not first:
                first, is_open = type_, _is_open(expr)
            elif type_ != first and not (_is_open(expr) and _head(type_) == _head(first)):
                text = f"expected type '{first}' but found '{type_}'"
                found.append((expr.id, text))
        return found


class _UnfitError(Exception):
    def __init__(self, expr: Any, verb: str, name: str) -> None:
        super().__init__(str(UnfitArgumentError(verb, name)))
        self.expr = expr


def _runtime_name(type_: Any) -> str:
    """Return the name that values of a type have for theirs, "" if that is not known before."""
    if type_ is None:
        return ""
    if type_.HasField("message"):
        return str(type_.message)
    if type_.HasField("abstract"):
        return str(type_.abstract.name)
    if type_.HasField("type"):
        return "type"
    if type_.HasField("wrapper"):
        return _PRIMITIVES[type_.wrapper]
    name = _head(_type(type_))
    return "" if name == "dyn" else _RUNTIME_NAMES.get(name, name)


def _type(type_: Any) -> str:
    """Return the name that a type has in messages."""
    if type_ is None:
        return "dyn"
    if type_.HasField("primitive"):
        return _PRIMITIVES[type_.primitive]
    if type_.HasField("wrapper"):
        return f"wrapper({_PRIMITIVES[type_.wrapper]})"
    if type_.HasField("well_known"):
        return _WELL_KNOWN[type_.well_known]
    if type_.HasField("list"):
        return f"list({_type(type_.list.element)})"
    if type_.HasField("map"):
        return f"map({_type(type_.map.key)}, {_type(type_.map.value)})"
    if type_.HasField("type"):
        return f"type({_type(type_.type)})"
    if type_.HasField("message"):
        return str(type_.message)
    if type_.HasField("abstract"):
        parameters = ", ".join(map(_type, type_.abstract.parameters))
        return f"{type_.abstract.name}({parameters})" if parameters else str(type_.abstract.name)
    return "null" if type_.HasField("null") else "dyn"


def _head(type_: str) -> str:
    return type_.partition("(")[0]


def _is_aggregate(expr: Any) -> bool:
    """Return whether an expression is a literal of a list or a map."""
    return bool(expr.HasField("list") or (expr.HasField("struct") and not expr.struct.message))


def _is_open(expr: Any) -> bool:
    """Return whether the type of a list or a map follows from others: it has no members."""
    if not _is_aggregate(expr):
        return False
    parts = list(parts_of(expr))
    return not parts or all(map(_is_open, parts))
