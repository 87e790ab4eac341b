"""Compilation: a source text becomes a program, or an error with the API server's words.

Parser and type checker are cel-cpp's. Programs run here (`apiserver.cel.evaluation`), on values as
they are in documents, and with a budget.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from cel_expr_python import cel
from cel_expr_python.ext import ext_optional, ext_strings
from google.protobuf.message import DecodeError

from apiserver.cel.authorizervalues import AUTHORIZER_FUNCTIONS
from apiserver.cel.callcodes import SPECIAL
from apiserver.cel.checkererrors import CheckerErrors, shown_types
from apiserver.cel.declarations import OPAQUE, extension, generic_functions, patch_extension
from apiserver.cel.descriptors import SchemaTypes
from apiserver.cel.errors import CompileError, EvaluationError, InstantiationError
from apiserver.cel.evaluation import CodeGenerator
from apiserver.cel.frames import Frame
from apiserver.cel.kubernetesfunctions import KUBERNETES_FUNCTIONS
from apiserver.cel.listfunctions import LIST_FUNCTIONS
from apiserver.cel.literals import literal_problems
from apiserver.cel.macronames import with_known_macros
from apiserver.cel.objectvalues import OBJECTS, PATCH_FUNCTIONS
from apiserver.cel.operators import OPERATORS
from apiserver.cel.syntaxtree import (
    NOTHING,
    Call,
    Literal,
    MapOf,
    Name,
    Node,
    decode,
    nodes_of,
    read_checked,
    read_parsed,
)
from apiserver.cel.textfunctions import TEXT_FUNCTIONS, compile_pattern
from apiserver.cel.timevalues import TIME_FUNCTIONS

#: What the evaluation of one expression may cost.
CALL_LIMIT: Final = 1_000_000
_FUNCTIONS: Final = {
    **OPERATORS, **TEXT_FUNCTIONS, **LIST_FUNCTIONS, **TIME_FUNCTIONS, **KUBERNETES_FUNCTIONS,
    **AUTHORIZER_FUNCTIONS, **PATCH_FUNCTIONS,
}  # fmt: skip
_KNOWN: Final = frozenset(_FUNCTIONS) | frozenset(SPECIAL)
_CONVERSIONS: Final = frozenset([
    "bool", "bytes", "double", "duration", "int", "string", "timestamp", "uint",
])  # fmt: skip
_PREPARED: Final = _CONVERSIONS | {"find", "findAll"}
_STRINGS_VERSION: Final = 2
# What the library calls the type whose values may have any type.
_ANY: Final = re.compile(r"\berror\b")
_LARGE: Final = re.compile(r"(?<![\w.])[A-Z]+(?![\w.])")
_TOO_DEEP: Final = "expression recursion limit exceeded"
_TOO_DEEP_SOURCE: Final = re.compile(
    r"(?:CANCELLED: Expression recursion limit exceeded\. limit: "
    r"|ERROR: <input>:-1:-1: Exceeded max recursion depth of )(\d+)"
)
_TOO_DEEP_VALUES: Final = "values are nested too deeply"
# Extensions that are known by their names only.
_LIBRARIES: Final = ("two-var-comprehensions", "lists")
_OPTIONAL: Final = "optional_type<"


class Program:
    """An expression that can be evaluated.

    ``type`` is the name of the type of its value, ``dyn`` if that is not known before.
    """

    __slots__ = ("_code", "tree", "type", "variables")

    def __init__(self, tree: Node, type_: str) -> None:
        self.tree = tree
        self.type = type_
        self.variables = frozenset(node.name for node in nodes_of(tree) if isinstance(node, Name))
        self._code = CodeGenerator(_FUNCTIONS).code(tree)

    def evaluate(self, variables: dict[str, Any], limit: int = CALL_LIMIT) -> tuple[Any, int]:
        """Return the value and its cost. Raises EvaluationError.

        The dictionary is used while the evaluation lasts; the values in it are not changed.
        """
        frame = Frame(variables, limit)
        return self.run(frame), limit - frame.left

    def instantiated(self) -> Program:
        """Return the program. Raises InstantiationError if a literal cannot be converted.

        The API server says so after it has looked at the type of the result.
        """
        for node in nodes_of(self.tree):
            if isinstance(node, Call) and node.function in _PREPARED:
                try:
                    _prepare(node)
                except EvaluationError as error:
                    raise InstantiationError(f"program instantiation failed: {error}") from error
        return self

    def run(self, frame: Frame) -> Any:
        """Return the value; the frame holds the cost, even after an EvaluationError."""
        try:
            return self._code(frame)
        except RecursionError:
            raise EvaluationError(_TOO_DEEP_VALUES) from None


class Environment:
    """The variables that expressions may use, with the names of their types."""

    def __init__(
        self,
        types: SchemaTypes,
        variables: Mapping[str, str],
        *,
        patches: bool = False,
        libraries: Iterable[str] = (),
    ) -> None:
        """``patches``: expressions may make the objects of patches.

        ``libraries`` are extensions by the names that cel-cpp has for them.
        """
        self._makes_objects = patches
        self._env = cel.NewEnv(
            types.pool,
            config=cel.NewEnvConfigFromYaml(_declared(variables, libraries)),
            extensions=[
                ext_optional.ExtOptional(),
                ext_strings.ExtStrings(_STRINGS_VERSION),
                _extension(),
                *([_patch_extension()] if patches else ()),
            ],
        )

    def compile(self, source: str, renamed: Mapping[str, str] = NOTHING) -> Program:
        """Compile an expression. Raises CompileError.

        ``renamed`` are the true names of types, by the names that the expression has for them.
        """
        known = with_known_macros(source)
        try:
            checked = self._env.compile(known)
        except RuntimeError as error:
            text = self._upstream(str(error), source)
            if not source:
                text = text.replace("<input>:1:1:", "<input>:1:0:")
            for name, true_name in renamed.items():
                text = text.replace(name, true_name)
            raise CompileError(f"compilation failed: {text}") from None
        try:
            read = read_checked(checked.serialize())
        except DecodeError:
            raise CompileError(f"compilation failed: {_TOO_DEEP}") from None
        problems = literal_problems(read, source)
        if problems:
            raise CompileError("compilation failed: " + "\n".join(problems))
        tree = decode(read, renamed)
        for node in nodes_of(tree):
            # Types exist as messages for the checker alone.
            if isinstance(node, MapOf) and node.message and not self._makes(node.message):
                raise CompileError(f"compilation failed: undeclared type {node.message}")
        type_ = _name(checked.return_type())
        return Program(tree, renamed.get(type_, type_))

    def _upstream(self, text: str, source: str) -> str:
        """Return the errors of the checker in the words of cel-go."""
        plain = text.removeprefix("INVALID_ARGUMENT: ").removesuffix(" [INVALID_ARGUMENT]")
        too_deep = _TOO_DEEP_SOURCE.match(plain)
        if too_deep is not None:
            return f"ERROR: <input>:-1:0: {_TOO_DEEP}: {too_deep[1]}"
        errors = CheckerErrors(source, lambda: self._parsed(source), self._type_of, _KNOWN, OPAQUE)
        return errors.shown(plain) or plain

    def _parsed(self, source: str) -> Any:
        parsed = self._env.compile(with_known_macros(source), disable_check=True)
        try:
            return read_parsed(parsed.serialize())
        except DecodeError:
            return None

    def _type_of(self, source: str) -> str:
        try:
            type_ = _name(self._env.compile(with_known_macros(source)).return_type())
        except RuntimeError:
            return ""
        shown = type_.replace("<", "(").replace(">", ")").replace(",", ", ")
        return shown_types(shown)

    def _makes(self, message: str) -> bool:
        return self._makes_objects and message.partition(".")[0] in OBJECTS


def _prepare(node: Call) -> None:
    """Convert a literal, or compile a pattern, if the call does that."""
    is_search = node.function not in _CONVERSIONS
    if is_search or len(node.arguments) == 1:
        literal = node.arguments[1 if is_search else 0]
        if isinstance(literal, Literal):
            convert = compile_pattern if is_search else _FUNCTIONS[node.function]
            convert(literal.value)


_extension = cache(extension)
_patch_extension = cache(patch_extension)


def optional_of(type_: str) -> str:
    """Return the name of the type of an optional value."""
    return f"{_OPTIONAL}{type_}>"


def _declared(variables: Mapping[str, str], libraries: Iterable[str]) -> str:
    """Return the declaration of variables; an optional type can be declared in this form only."""
    named = "".join(f'  - name: "{name}"\n' for name in (*_LIBRARIES, *libraries))
    lines = [f'  - name: "{name}"\n    type: "{type_}"\n' for name, type_ in variables.items()]
    return f"extensions:\n{named}{generic_functions()}variables:\n{''.join(lines)}"


def _name(type_: Any) -> str:
    """Return the name of a type as it is declared; the library shows some in capitals."""
    shown = _LARGE.sub(lambda match: match.group().lower(), str(type_.name()))
    shown = _ANY.sub("any", shown)
    return "null_type" if shown == "null" else shown.replace(", ", ",")
