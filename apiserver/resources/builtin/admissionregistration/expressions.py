"""The expressions of policies and match conditions: they must compile, and have the right type."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, internal, invalid

# The type of a variable whose expression does not compile: its error is reported once.
_UNKNOWN: Final = "dyn"


class ExpressionValidator:
    """Validates expressions about requests. The language is loaded with the first of them."""

    def __init__(self, *, has_params: bool = False, composes: bool = False) -> None:
        self._has_params = has_params
        self._composes = composes

    def validate(
        self, source: str, path: str, *types: str, authorizes: bool = True
    ) -> list[FieldError]:
        """Return why an expression does not compile to a value of one of some types.

        ``authorizes``: it may ask the authorizer.
        """
        from apiserver.cel.errors import CompileError

        try:
            self._compiler.compile(source, *types, authorizes=authorizes)
        except CompileError as error:
            return [_problem(error, path, source)]
        return []

    def validate_patch(self, source: str, path: str, type_: str) -> list[FieldError]:
        """Return why an expression does not compile to a patch of a type."""
        from apiserver.cel.errors import CompileError

        try:
            self._compiler.compile_patch(source, type_)
        except CompileError as error:
            return [_problem(error, path, source)]
        return []

    def declare(self, name: str, source: str, path: str) -> list[FieldError]:
        """Validate the expression of a variable, and let those after it use the variable."""
        from apiserver.cel.errors import CompileError

        errors, type_ = [], _UNKNOWN
        try:
            type_ = self._compiler.compile(source).type
        except CompileError as error:
            errors.append(_problem(error, path, source))
        if name.isidentifier() and name.isascii():
            self._compiler.declare(name, type_)
        return errors

    @cached_property
    def _compiler(self) -> Any:
        from apiserver.cel.requestvariables import RequestExpressions

        return RequestExpressions(has_params=self._has_params, composes=self._composes)


def _problem(error: Exception, path: str, source: str) -> FieldError:
    from apiserver.cel.errors import InstantiationError

    if isinstance(error, InstantiationError):
        return internal(path, str(error))
    return invalid(path, source, str(error))
