"""The errors of the type checker, as cel-go reports them.

The checker is that of cel-cpp. It finds the same errors at the same places, but words some of them
otherwise, and tells less of a few; these are looked up in the syntax tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from typing import Any, Final

from apiserver.cel.callsources import call_source
from apiserver.cel.sourcelocations import SourceLocations
from apiserver.cel.syntaxtree import parts_of

_ERROR: Final = re.compile(r"^ERROR: <input>:(-?\d+):(-?\d+): (.*)$", re.MULTILINE)
_WORDS: Final = (
    (
        re.compile(r"expression of type ('.*') cannot be the operand of a select operation"),
        r"type \1 does not support field selection",
    ),
    (
        re.compile(r"cannot be the range of a comprehension"),
        "cannot be range of a comprehension",
    ),
    (re.compile(r"type ('.*') does not support message creation"), r"\1 is not a message type"),
    (re.compile(r"has\(\) argument must be a field selection"), "invalid argument to has() macro"),
    (
        re.compile(r"\b(?:map|filter)\(\) variable name must be a simple identifier"),
        "argument is not an identifier",
    ),
    (
        re.compile(
            r"\b(?:all|exists|exists_?[oO]ne|transform\w+)\(\)(?: first| second)? variable name "
            r"must be a simple identifier"
        ),
        "argument must be a simple name",
    ),
)  # fmt: skip
_TYPES: Final = {
    "google.protobuf.Duration": "duration", "google.protobuf.Timestamp": "timestamp",
    "google.protobuf.Any": "any", "null_type": "null",
}  # fmt: skip
_TYPE: Final = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in _TYPES))
_UNDEFINED: Final = re.compile(r"(undefined field '[^']*') not found in struct '([^']*)'")
_OVERLOAD: Final = re.compile(r"found no matching overload for '([^']*)' applied to '\((.*)\)'")
_UNDECLARED: Final = re.compile(r"undeclared reference to '(\.?[\w.]+)' (\(in container '.*'\))")
# The type of an expression with an error: consequential errors are not reported.
_FOLLOWING: Final = "*error*"
# The message that accompanies a syntax error.
_NO_TREE: Final = "<<nil>> parsetree"
# The unknown type of the items of an empty list.
_PARAMETER: Final = re.compile(r"T%\d+")
_LOGICAL_OVERLOAD: Final = re.compile(r"found no matching overload for '_(?:&&|\|\|)_'")
_LOGICAL: Final = frozenset(["_&&_", "_||_"])
_CHOICE: Final = "_?_:_"


class CheckerErrors:
    """The errors of one expression.

    ``parse`` returns its ``cel.expr.ParsedExpr``, ``None`` if it is too deep. ``type_of`` returns
    the type of an expression by its source, as messages show it, "" if it has none. ``functions``
    are the names of functions that exist, ``opaque`` those of types without fields.
    """

    def __init__(
        self,
        source: str,
        parse: Callable[[], Any],
        type_of: Callable[[str], str],
        functions: Container[str],
        opaque: Container[str],
    ) -> None:
        self._locations = SourceLocations(source)
        self._source = source
        self._parse = parse
        self._type_of = type_of
        self._functions = functions
        self._opaque = opaque
        self._calls: dict[int, list[Any]] | None = None
        self._offsets: dict[int, int] = {}
        # Where the names of functions begin that have dots.
        self._prefixes: set[int] = set()

    def shown(self, text: str) -> str:
        """Return the errors in the words and in the order of cel-go."""
        found: dict[tuple[int, int, str], None] = {}
        for match in _ERROR.finditer(text):
            line, column, message = int(match[1]), int(match[2]), match[3]
            if message == _NO_TREE or (
                _FOLLOWING in message and not _LOGICAL_OVERLOAD.match(message)
            ):
                continue
            for place, problem in self._reworded(self._locations.offset(line, column), message):
                at = (line, column) if place is None else self._locations.of(place)
                found[*at, problem] = None
        ordered = sorted(found, key=lambda each: each[:2])
        return "\n".join(self._locations.shown(*each) for each in ordered)

    def _reworded(self, offset: int, message: str) -> Iterator[tuple[int | None, str]]:
        """Yield errors with their offsets, ``None`` for the place of the error itself."""
        for pattern, words in _WORDS:
            message = pattern.sub(words, message)
        message = shown_types(message)
        undefined, overload = _UNDEFINED.fullmatch(message), _OVERLOAD.fullmatch(message)
        undeclared = _UNDECLARED.fullmatch(message)
        if undefined is not None:
            failed = f"unexpected failed resolution of '{undefined[2]}'"
            yield None, failed if undefined[2] in self._opaque else undefined[1]
        elif overload is not None:
            yield from self._overload(offset, overload[1], split_types(overload[2]))
        elif undeclared is not None:
            yield from self._undeclared(offset, *undeclared.groups())
        else:
            yield None, message

    def _overload(
        self, offset: int, function: str, types: list[str]
    ) -> Iterator[tuple[int | None, str]]:
        call = self._call(offset, function)
        if function in _LOGICAL and call is not None:
            for argument, type_ in zip(call.args, types, strict=True):
                if type_ not in ("bool", "dyn", _FOLLOWING):
                    place = self._offsets.get(argument.id)
                    yield place, f"expected type 'bool' but found '{type_}'"
            return
        if function == _CHOICE:
            types = [*types[:1], *_alike(*types[1:])]
        types = [_PARAMETER.sub("dyn", type_) for type_ in types]
        is_member = call is not None and call.HasField("target")
        yield None, _no_overload(function, types, is_member=is_member)

    def _undeclared(
        self, offset: int, name: str, container: str
    ) -> Iterator[tuple[int | None, str]]:
        undeclared = f"undeclared reference to '{name}' {container}"
        call = self._call(offset, name)
        if call is None:
            root = name.split(".", maxsplit=1)[0]
            if root and root != name:
                # In a macro, the place is that of its parenthesis.
                inside = self._source[offset : offset + 1] == "("
                find = self._source.find if inside else self._source.rfind
                start = find(root, *((offset,) if inside else (0, offset)))
                if start >= 0:
                    yield start, f"undeclared reference to '{root}' {container}"
                    return
            if offset not in self._prefixes:
                yield None, undeclared
            return
        prefix = _path(call.target) if call.HasField("target") else ""
        qualified = f"{prefix}.{name}" if prefix else name
        is_member = call.HasField("target") and not (prefix and qualified in self._functions)
        known = name if is_member else qualified
        types = self._argument_types(offset, call, with_target=is_member)
        if known in self._functions and types is not None:
            yield None, _no_overload(known, types, is_member=is_member)
        else:
            yield None, undeclared

    def _argument_types(self, offset: int, call: Any, *, with_target: bool) -> list[str] | None:
        """Return the types of the arguments of a call, ``None`` if not all are known."""
        target = call.target if with_target else None
        start = min(self._starts(target), default=offset) if target is not None else offset
        sources = call_source(self._source, offset, start if with_target else None)
        if sources is None:
            return None
        types = [self._type_of(source) for source in sources]
        return types if all(types) else None

    def _starts(self, expr: Any) -> Iterator[int]:
        left = [expr]
        while left:
            each = left.pop()
            if each.id in self._offsets:
                yield self._offsets[each.id]
            left += parts_of(each)

    def _call(self, offset: int, function: str) -> Any:
        """Return the call of a function at a place, ``None`` if there is none."""
        if self._calls is None:
            self._calls = self._find_calls()
        calls = self._calls.get(offset, ())
        return next((call for call in calls if call.function == function), None)

    def _find_calls(self) -> dict[int, list[Any]]:
        parsed = self._parse()
        if parsed is None:
            return {}
        self._offsets = {each.key: each.value for each in parsed.source.positions}
        calls: dict[int, list[Any]] = {}
        left = [parsed.expr]
        while left:
            expr = left.pop()
            left += parts_of(expr)
            if expr.HasField("call"):
                calls.setdefault(self._offsets.get(expr.id, -1), []).append(expr.call)
                if expr.call.HasField("target"):
                    prefix = _path(expr.call.target)
                    if prefix and f"{prefix}.{expr.call.function}" in self._functions:
                        self._prefixes.update(self._starts(expr.call.target))
        return calls


def shown_types(text: str) -> str:
    """Return a text with the names that messages of cel-go have for types."""
    return _TYPE.sub(lambda found: _TYPES[found[0]], text)


def split_types(text: str) -> list[str]:
    """Return the types of a list: ``int, map(string, int)``."""
    types, depth = [""], 0
    for part in re.split(r"([(),])", text):
        depth += (part == "(") - (part == ")")
        if part == "," and not depth:
            types.append("")
        else:
            types[-1] += part
    return [type_.strip() for type_ in types if type_.strip()]


def _alike(one: str, other: str) -> tuple[str, str]:
    """Return two types, made alike where one is the partial type of an empty list."""
    for empty, known in ((one, other), (other, one)):
        parts = _PARAMETER.split(empty)
        if len(parts) > 1 and re.fullmatch(".*".join(map(re.escape, parts)), known):
            return known, known
    return one, other


def _no_overload(function: str, types: list[str], *, is_member: bool) -> str:
    target, types = (f"{types[0]}.", types[1:]) if is_member else ("", types)
    applied = f"{target}({', '.join(types)})"
    return f"found no matching overload for '{function}' applied to '{applied}'"


def _path(expr: Any) -> str:
    """Return the names of a path, ``a.b``; "" for another expression."""
    if expr.HasField("name"):
        return str(expr.name.name)
    if expr.HasField("select") and not expr.select.test_only:
        before = _path(expr.select.operand)
        return f"{before}.{expr.select.field}" if before else ""
    return ""
