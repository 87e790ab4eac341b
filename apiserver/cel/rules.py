"""The rules of a schema (``x-kubernetes-validations``), compiled.

See "Validation rules" and "Transition rules" in the documentation of CustomResourceDefinitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.cel.compilation import Environment, Program, optional_of
from apiserver.cel.descriptors import SchemaTypes
from apiserver.cel.errors import CompileError
from apiserver.machinery.valueclasses import valueclass
from apiserver.schema.structural import Schema

_SELF: Final = "self"
_OLD: Final = "oldSelf"


@valueclass
class CompiledRule:
    """A rule with its programs, or why they do not compile: an error is ``""`` if there is none.

    ``compares``: the rule uses the old value. ``optional_old``: it does, and also runs without one.
    """

    rule: Mapping[str, Any]
    program: Program | None
    error: str
    message: Program | None
    message_error: str
    optional_old: bool

    @property
    def compares(self) -> bool:
        """Return whether the rule or its message uses the old value."""
        return self.program is not None and _OLD in self.program.variables


def compile_rules(schema: Schema, types: SchemaTypes) -> tuple[CompiledRule, ...]:
    """Compile the rules of one schema of a tree, without those of its parts."""
    environments: dict[bool, Environment] = {}
    compiled = []
    type_ = types.name_of(schema)
    for rule in schema.rules:
        optional = bool(rule.get("optionalOldSelf"))
        if optional not in environments:
            old = optional_of(type_) if optional else type_
            environments[optional] = Environment(types, {_SELF: type_, _OLD: old})
        compiled.append(_compile(rule, environments[optional], optional_old=optional))
    return tuple(compiled)


def _compile(
    rule: Mapping[str, Any], environment: Environment, *, optional_old: bool
) -> CompiledRule:
    program, error = _program(
        environment, rule.get("rule", ""), "bool", "cel expression must evaluate to a bool"
    )
    message, message_error = None, ""
    expression = rule.get("messageExpression", "")
    if expression.strip() and not error:
        detail = "messageExpression must evaluate to a string"
        message, message_error = _program(environment, expression, "string", detail)
        if message_error.startswith("compilation failed"):
            message_error = f"messageExpression {message_error}"
    return CompiledRule(rule, program, error, message, message_error, optional_old)


def _program(
    environment: Environment, source: str, type_: str, detail: str
) -> tuple[Program | None, str]:
    try:
        program = environment.compile(source)
    except CompileError as error:
        return None, str(error)
    if program.type != type_:
        return None, detail
    try:
        return program.instantiated(), ""
    except CompileError as error:
        return None, str(error)
