"""Validation of a value by the rules of its schema, and of its parts by theirs.

The texts of errors, and what is left out of an update, are those of the API server. Rules that
use the old value run where there is one (KEP-2876); what a rule says of a part that is equal to its
old part is no reason to refuse an update, but a warning (KEP-4008).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from apiserver.cel.adapters import adapter
from apiserver.cel.compilation import CALL_LIMIT
from apiserver.cel.descriptors import SchemaTypes
from apiserver.cel.errors import NO_OVERLOAD, OVER_BUDGET, EvaluationError
from apiserver.cel.fieldpaths import field_path
from apiserver.cel.rules import CompiledRule, compile_rules
from apiserver.cel.values import ABSENT, OptionalValue
from apiserver.machinery.fielderrors import (
    FieldError,
    RatchetedError,
    duplicate,
    forbidden,
    invalid,
    required,
)
from apiserver.schema.correlation import Correlated
from apiserver.schema.structural import Schema, has_rules

#: What all rules of one object may cost.
OBJECT_LIMIT: Final = 10_000_000
_NO_FIELD: Final = "<nil>"
_LONGEST_MESSAGE: Final = 5 * 1024
_OUT_OF_BUDGET: Final = (
    "validation failed due to running out of cost budget, no further validation rules will be run"
)


class _OutOfBudgetError(Exception):
    """No further rule may run."""


class RuleValidator:
    """The rules of a kind, compiled."""

    def __init__(self, schema: Schema, types: SchemaTypes | None = None) -> None:
        self._schema = schema
        self._root = _Part(schema, types or SchemaTypes(schema))

    def validate(self, document: Any, old: Any = None) -> list[FieldError]:
        """Return the violations of the rules by a document; ``old`` is the one that it replaces."""
        errors: list[FieldError] = []
        correlated = None if old is None else Correlated(document, old, self._schema)
        run = _Run(errors)
        with suppress(_OutOfBudgetError):
            self._root.validate(document, correlated, "", run)
        return errors


def default_errors(default: Any, schema: Schema) -> list[FieldError]:
    """Return the violations of the rules of a schema by its default.

    It must be valid as what stays as it is, and as what was not there before.
    """
    validator = RuleValidator(schema, SchemaTypes(None, others=[schema]))
    errors = validator.validate(default, default) or validator.validate(default)
    return [FieldError(error.reason, error.field, error.body) for error in errors]


class _Run:
    """One validation: the errors found, and the remaining budget."""

    __slots__ = ("errors", "left")

    def __init__(self, errors: list[FieldError]) -> None:
        self.errors = errors
        self.left = OBJECT_LIMIT


class _Part:
    """The rules of one schema, and the parts of it that have any."""

    __slots__ = ("_adapt", "_items", "_members", "_rules", "_schema", "_type", "_values")

    def __init__(self, schema: Schema, types: SchemaTypes) -> None:
        self._schema = schema
        self._type = schema.type
        self._rules = compile_rules(schema, types) if types.name_of(schema) else ()
        self._adapt = adapter(schema) if self._rules else None
        self._members = {
            name: _Part(member, types)
            for name, member in sorted(schema.properties.items())
            if has_rules(member)
        }
        values, items = schema.values, schema.items
        self._values = _Part(values, types) if values is not None and has_rules(values) else None
        self._items = _Part(items, types) if items is not None and has_rules(items) else None

    def validate(self, value: Any, correlated: Correlated | None, path: str, run: _Run) -> None:
        """Run the rules. ``correlated`` is ``None`` if there is no old value."""
        if value is None:
            return
        if self._rules:
            self._run_rules(value, correlated, path, run)
        if type(value) is dict:
            self._validate_members(value, correlated, path, run)
        elif isinstance(value, list) and self._items is not None:
            for index, item in enumerate(value):
                inner = None if correlated is None else correlated.item(index)
                self._items.validate(item, inner, f"{path}[{index}]", run)

    def _validate_members(
        self, value: dict[str, Any], correlated: Correlated | None, path: str, run: _Run
    ) -> None:
        for name, part in self._members.items():
            if name in value:
                inner = None if correlated is None else correlated.member(name)
                where = f"{path}.{name}" if path else name
                part.validate(value[name], inner, where, run)
        if self._values is not None:
            for name, member in value.items():
                if name not in self._schema.properties:
                    inner = None if correlated is None else correlated.member(name)
                    self._values.validate(member, inner, f"{path}[{name}]", run)

    def _run_rules(self, value: Any, correlated: Correlated | None, path: str, run: _Run) -> None:
        adapt, old = self._adapt, None if correlated is None else correlated.old
        shown = value if adapt is None else adapt(value)
        before = old if adapt is None or old is None else adapt(old)
        for rule in self._rules:
            if rule.compares and before is None and not rule.optional_old:
                continue
            variables = {"self": shown, "oldSelf": before}
            if rule.optional_old:
                variables["oldSelf"] = _optional(before)
            error = self._run_rule(rule, variables, value, path, run)
            if error is None:
                continue
            # What did not change may be older than the rule.
            if correlated is not None and not rule.compares and correlated.equal():
                error = RatchetedError(error.reason, error.field, error.body)
            run.errors.append(error)

    def _run_rule(
        self, rule: CompiledRule, variables: dict[str, Any], value: Any, path: str, run: _Run
    ) -> FieldError | None:
        where = path or _NO_FIELD
        if rule.program is None:
            return invalid(where, self._type, f"rule compile error: {rule.error}")
        try:
            result, cost = rule.program.evaluate(variables, min(CALL_LIMIT, run.left))
        except EvaluationError as error:
            return self._failure(rule, str(error), where, run)
        run.left -= cost
        if result is True:
            return None
        detail = _message(rule, variables, run)
        if rule.rule.get("fieldPath"):
            where = path + field_path(rule.rule["fieldPath"], self._schema)
            where = where.removeprefix(".")
        return _error(where, value, detail, rule.rule.get("reason"))

    def _failure(self, rule: CompiledRule, text: str, where: str, run: _Run) -> FieldError:
        shown = (rule.rule.get("message", "") or rule.rule.get("rule", "")).strip()
        if text == OVER_BUDGET:
            exhausted = run.left < CALL_LIMIT
            detail = (
                _OUT_OF_BUDGET
                if exhausted
                else f"'{text}': no further validation rules will be run due to call cost exceeds "
                f"limit for rule: {shown}"
            )
            run.errors.append(invalid(where, self._type, detail))
            raise _OutOfBudgetError
        if text.startswith(NO_OVERLOAD):
            detail = (
                f"'{text}': call arguments did not match a supported operator, function or macro "
                f"signature for rule: {shown}"
            )
            return invalid(where, self._type, detail)
        return invalid(where, self._type, f"{text} evaluating rule: {shown}")


def _optional(value: Any) -> OptionalValue:
    return ABSENT if value is None else OptionalValue(present=True, value=value)


def _message(rule: CompiledRule, variables: dict[str, Any], run: _Run) -> str:
    """Return the text of a violated rule."""
    if rule.message is not None:
        try:
            text, cost = rule.message.evaluate(variables, min(CALL_LIMIT, run.left))
        except EvaluationError:
            text, cost = "", 0
        run.left -= cost
        stripped = text.strip() if type(text) is str else ""
        if stripped and "\n" not in stripped and len(stripped.encode()) <= _LONGEST_MESSAGE:
            return str(stripped)
    message = rule.rule.get("message", "").strip()
    return str(message) if message else f"failed rule: {rule.rule.get('rule', '').strip()}"


def _error(where: str, value: Any, detail: str, reason: str | None) -> FieldError:
    if reason == "FieldValueForbidden":
        return forbidden(where, detail)
    if reason == "FieldValueRequired":
        return required(where, detail)
    is_scalar = not isinstance(value, dict | list)
    if reason == "FieldValueDuplicate":
        if is_scalar:
            return duplicate(where, value)
        return FieldError("FieldValueDuplicate", where, "Duplicate value")
    if is_scalar:
        return invalid(where, value, detail)
    return FieldError("FieldValueInvalid", where, f"Invalid value: {detail}")
