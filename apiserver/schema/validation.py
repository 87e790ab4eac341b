"""Validation of custom objects against the assertions of their schema.

The rules, the messages and the order of errors are those of k8s.io/kube-openapi/pkg/validation. A
schema is compiled to a tree of checks, each part of it for the first value that needs it. A check
counts how much of a value it did not object to: of the alternatives that a value fails, the one
with the highest count is reported.

An update is refused for errors in what it changes only (`apiserver.schema.correlation`).
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final
from weakref import WeakKeyDictionary

import orjson

from apiserver.machinery.fielderrors import FieldError, invalid, required, too_many, type_invalid
from apiserver.machinery.quoting import quote
from apiserver.schema.correlation import Correlated
from apiserver.schema.errorpaths import (
    NO_FIELD,
    ErrorList,
    Path,
    TooManyErrors,
    not_shown,
    shown,
)
from apiserver.schema.formats import format_check
from apiserver.schema.numberassertions import NumberAssertions, is_json_integer
from apiserver.schema.structural import Assertions, Schema
from apiserver.schema.textassertions import Enumeration, TextAssertions

_NO_ASSERTIONS: Final = Assertions()
# For each type of values: its name, and the format that it has by itself.
_TYPES: Final = {
    bool: ("boolean", ""),
    dict: ("object", ""),
    float: ("number", "float64"),
    int: ("integer", "int64"),
    list: ("array", ""),
    str: ("string", ""),
}
# How many checks succeed for a value of the declared type, besides those of its parts: one for each
# rule about values of the type, and some count twice.
_COUNTS: Final = {bool: 6, dict: 7, float: 8, int: 8, list: 8, str: 7}
_PLAIN: Final = ("boolean", "string")
_PYTHON_TYPES: Final = {
    "array": list, "boolean": bool, "integer": int, "object": dict, "string": str,
}  # fmt: skip
_OF_TYPE: Final = 2
_OF_FORMAT: Final = 1
_TYPE_META: Final = ((None, ".apiVersion"), (None, ".kind"))


def validate(document: Any, schema: Schema) -> list[FieldError]:
    """Return the errors of a new object."""
    return _found(_compiled(schema), document, None)


def validate_update(document: Any, old: Any, schema: Schema) -> list[FieldError]:
    """Return the errors of an object that replaces ``old``, but for those in unchanged parts."""
    check = _compiled(schema)
    # Where alternatives exclude each other, an error less in one may be an error more.
    if not schema.may_exclude and not _found(check, document, None):
        return []
    correlated = Correlated(document, old, schema)
    errors = _found(check, document, correlated)
    return [] if errors and correlated.equal() else errors


def _found(check: _Check, document: Any, old: Correlated | None) -> list[FieldError]:
    errors = ErrorList()
    try:
        check.check(document, None, errors, old)
    except TooManyErrors:
        errors.append(not_shown())
    return list(dict.fromkeys(errors))


class _Check:
    """The check of one schema."""

    __slots__ = (
        "_additional",
        "_assertions",
        "_checks",
        "_enumeration",
        "_expected",
        "_format",
        "_is_format",
        "_items",
        "_junctors",
        "_nullable",
        "_numbers",
        "_properties",
        "_texts",
        "_types",
        "plain",
    )

    def __init__(self, schema: Schema) -> None:
        found = schema.assertions or _NO_ASSERTIONS
        self._assertions = found
        self._types: tuple[str, ...] = (schema.type,) if schema.type else ()
        if schema.int_or_string:
            self._types = ("integer", "string")
        self._expected = None if schema.int_or_string else _PYTHON_TYPES.get(schema.type)
        self._format, self._nullable = schema.format, schema.nullable
        self._is_format = format_check(schema.format) if schema.format else None
        sole_type = self._types[0] if len(self._types) == 1 else ""
        if schema.assertions is None:
            self._numbers, self._texts = _unasserted(sole_type, schema.format)
        else:
            self._numbers = NumberAssertions(sole_type, schema.format, found)
            self._texts = TextAssertions(found)
        self._enumeration = Enumeration(found.enum) if found.enum else None
        self._properties, self._additional = schema.properties, schema.values
        self._items = schema.items
        self._checks: dict[str, _Check] = {}
        self._junctors = _Junctors.of(found)
        #: The type of the values that are right without a further look.
        is_plain = schema.type in _PLAIN and not (schema.assertions or schema.format)
        self.plain = self._expected if is_plain else None

    def check(self, value: Any, path: Path, errors: ErrorList, old: Correlated | None) -> int:
        """Append the errors of a value; return how many of its parts are valid."""
        kind = type(value)
        if kind is self.plain:
            return _COUNTS[kind]
        if value is None:
            return self._check_null(path, errors)
        count = _COUNTS[kind] if kind is self._expected else self._check_type(value, path, errors)
        if self._junctors is not None:
            count += self._junctors.check(value, path, errors, old)
        if kind is str:
            count += self._check_text(value, path, errors)
        elif kind is int or kind is float:
            if not self._numbers.hold(value):
                errors.add_all(self._numbers.problems(value, shown(path)))
        elif kind is list:
            count += self._check_list(value, path, errors, old)
        if self._enumeration is not None and not self._enumeration.allows(value):
            errors.add(self._enumeration.problem(value, _field(path)))
        if kind is dict:
            count += self._check_object(value, path, errors, old)
        return count

    def _check_null(self, path: Path, errors: ErrorList) -> int:
        wrong = bool(self._types) and not self._nullable
        if wrong:
            errors.add(_wrong_type(path, ",".join(self._types), "null"))
        if self._enumeration is not None:
            errors.add(self._enumeration.problem(None, _field(path)))
        return 0 if wrong else 1

    def _check_type(self, value: Any, path: Path, errors: ErrorList) -> int:
        count = _COUNTS[type(value)]
        types, format_ = self._types, self._format
        if not types and not format_:
            return count - _OF_TYPE
        name, own_format = _TYPES[type(value)]
        if name in types:
            return count
        if name == "number" and "integer" in types and is_json_integer(value):
            return count
        if name == "integer" and "number" in types:
            return count
        if format_ and name not in ("array", "string"):
            errors.add(_wrong_type(path, format_, own_format))
            return count - 1
        if format_ and "integer" not in types and "number" not in types:
            return count
        errors.add(_wrong_type(path, ",".join(types), name))
        return count - 1

    def _check_text(self, value: str, path: Path, errors: ErrorList) -> int:
        problem = self._texts.problem(value)
        if problem is not None:
            errors.add(problem(_field(path)))
        if self._is_format is None:
            return 0
        if not self._is_format(value):
            errors.add(_wrong_type(path, self._format, value))
        return _OF_FORMAT

    def _check_list(
        self, value: list[Any], path: Path, errors: ErrorList, old: Correlated | None
    ) -> int:
        count = 0
        if self._items is not None and value:
            check = _compiled(self._items)
            for index, item in enumerate(value):
                kind = type(item)
                if kind is check.plain:
                    count += _COUNTS[kind]
                    continue
                part = None if old is None else old.item(index)
                count += _check_part(check, item, (path, f"[{index}]"), errors, part)
        found, size = self._assertions, len(value)
        if found.min_items is not None and size < found.min_items:
            errors.add(_too_few(path, size, found.min_items, "items"))
        if found.max_items is not None and size > found.max_items:
            errors.add(too_many(_field(path), size, found.max_items))
        if found.unique_items and _has_duplicates(value):
            detail = f"{shown(path)} in body shouldn't contain duplicates"
            errors.add(invalid(_field(path), "", detail))
        return count

    def _check_object(
        self, value: dict[str, Any], path: Path, errors: ErrorList, old: Correlated | None
    ) -> int:
        found, size = self._assertions, len(value)
        if found.min_properties is not None and size < found.min_properties:
            errors.add(_too_few(path, size, found.min_properties, "properties"))
            return 0
        if found.max_properties is not None and size > found.max_properties:
            errors.add(too_many(_field(path), size, found.max_properties))
            return 0
        count = 0
        checks = self._checks
        for name, member in value.items():
            check = checks.get(name) or self._member_check(name)
            if check is None:
                if found.closed:
                    errors.add(_forbidden_member(path, name))
                continue
            kind = type(member)
            if kind is check.plain:
                count += _COUNTS[kind]
                continue
            where = (path, f".{name}")
            # In both objects, kind and apiVersion of the whole are those that the request has.
            part = None if old is None or where in _TYPE_META else old.member(name)
            count += _check_part(check, member, where, errors, part)
        if found.required:
            missing = [name for name in found.required if name not in value]
            errors.add_all(required(_field((path, f".{name}"))) for name in missing)
        return count

    def _member_check(self, name: str) -> _Check | None:
        specified = self._properties.get(name)
        if specified is not None:
            check = self._checks[name] = _compiled(specified)
            return check
        # Other names are not cached: their number is unlimited.
        additional = None if self._assertions.closed else self._additional
        return None if additional is None else _compiled(additional)


class _Junctors:
    """The checks of the schemas that any, one, all or none of must hold."""

    __slots__ = ("_all", "_any", "_not", "_one")

    def __init__(self, assertions: Assertions) -> None:
        self._any = [_compiled(branch) for branch in assertions.any_of]
        self._one = [_compiled(branch) for branch in assertions.one_of]
        self._all = [_compiled(branch) for branch in assertions.all_of]
        self._not = None if assertions.not_ is None else _compiled(assertions.not_)

    @classmethod
    def of(cls, assertions: Assertions) -> _Junctors | None:
        """Return the junctors of a schema, ``None`` if it has none."""
        has_any = assertions.any_of or assertions.one_of or assertions.all_of
        return cls(assertions) if has_any or assertions.not_ is not None else None

    def check(self, value: Any, path: Path, errors: ErrorList, old: Correlated | None) -> int:
        """Append the errors of a value; return how many parts the decisive schemas accept."""
        count = 0
        if self._any:
            count += self._check_any(value, path, errors, old)
        if self._one:
            count += self._check_one(value, path, errors, old)
        if self._all:
            count += self._check_all(value, path, errors, old)
        if self._not is not None:
            found = errors.other()
            self._not.check(value, path, found, old)
            if not found:
                errors.add(_unmet(path, "not validate the schema (not)"))
        return count

    def _check_any(self, value: Any, path: Path, errors: ErrorList, old: Correlated | None) -> int:
        best = -1
        failures: list[FieldError] = []
        for branch in self._any:
            found = errors.other()
            count = branch.check(value, path, found, old)
            if not found:
                return count
            if count > best:
                best, failures = count, found
        errors.add(_unmet(path, "validate at least one schema (anyOf)"))
        errors += failures
        return best

    def _check_one(self, value: Any, path: Path, errors: ErrorList, old: Correlated | None) -> int:
        best, valid = -1, 0
        failures: list[FieldError] = []
        for branch in self._one:
            found = errors.other()
            count = branch.check(value, path, found, old)
            if not found:
                valid += 1
            if (not found and valid == 1) or (found and not valid and count > best):
                best, failures = count, found
        if valid == 1:
            return best
        text = f"Found {valid} valid alternatives" if valid else "Found none valid"
        errors.add(_unmet(path, f"validate one and only one schema (oneOf). {text}"))
        errors += failures
        return 0 if valid else best

    def _check_all(self, value: Any, path: Path, errors: ErrorList, old: Correlated | None) -> int:
        total, valid = 0, 0
        for branch in self._all:
            before = len(errors)
            total += branch.check(value, path, errors, old)
            valid += len(errors) == before
        if valid != len(self._all):
            text = "" if valid else ". None validated"
            errors.add(_unmet(path, f"validate all the schemas (allOf){text}"))
        return total


_CHECKS: Final[WeakKeyDictionary[Schema, _Check]] = WeakKeyDictionary()


def _compiled(schema: Schema) -> _Check:
    check = _CHECKS.get(schema)
    if check is None:
        check = _CHECKS[schema] = _Check(schema)
    return check


@cache
def _unasserted(type_: str, format_: str) -> tuple[NumberAssertions, TextAssertions]:
    return NumberAssertions(type_, format_, _NO_ASSERTIONS), TextAssertions(_NO_ASSERTIONS)


def _check_part(
    check: _Check, value: Any, path: Path, errors: ErrorList, old: Correlated | None
) -> int:
    """Check a part of a value, and forget its errors if it is equal to its old value."""
    before = len(errors)
    count = check.check(value, path, errors, old)
    if old is not None and len(errors) > before and old.equal():
        del errors[before:]
    return count


def _field(path: Path) -> str:
    return shown(path) or NO_FIELD


def _wrong_type(path: Path, expected: str, found: str) -> FieldError:
    detail = f"{shown(path)} in body must be of type {expected}: {quote(found)}"
    return type_invalid(_field(path), found, detail)


def _too_few(path: Path, size: int, least: int, what: str) -> FieldError:
    detail = f"{shown(path)} in body should have at least {least} {what}"
    return invalid(_field(path), size, detail)


def _forbidden_member(path: Path, name: str) -> FieldError:
    detail = f"{shown(path)}.{name} in body is a forbidden property"
    return invalid(_field(path), name, detail)


def _unmet(path: Path, text: str) -> FieldError:
    return invalid(NO_FIELD, "", f"{quote(shown(path))} must {text}")


def _has_duplicates(items: list[Any]) -> bool:
    encoded = {orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in items}
    return len(encoded) < len(items)
