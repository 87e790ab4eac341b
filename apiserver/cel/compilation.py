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
from apiserver.cel.declarations import extension, patch_extension
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
)
from apiserver.cel.textfunctions import TEXT_FUNCTIONS
from apiserver.cel.timevalues import TIME_FUNCTIONS

#: What the evaluation of one expression may cost.
CALL_LIMIT: Final = 1_000_000
_FUNCTIONS: Final = {
    **OPERATORS, **TEXT_FUNCTIONS, **LIST_FUNCTIONS, **TIME_FUNCTIONS, **KUBERNETES_FUNCTIONS,
    **AUTHORIZER_FUNCTIONS, **PATCH_FUNCTIONS,
}  # fmt: skip
_CONVERSIONS: Final = frozenset([
    "bool", "bytes", "double", "duration", "int", "string", "timestamp", "uint",
])  # fmt: skip
_STRINGS_VERSION: Final = 2
_ERROR: Final = re.compile(r"^ERROR: <input>:(\d+):(\d+): ", re.MULTILINE)
# What cel-cpp says otherwise than cel-go.
_WORDS: Final = (
    (re.compile(r"(undefined field '[^']*') not found in struct '[^']*'"), r"\1"),
    (
        re.compile(r"expression of type ('.*') cannot be the operand of a select operation"),
        r"type \1 does not support field selection",
    ),
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
)
# What the library calls the type whose values may have any type.
_ANY: Final = re.compile(r"\berror\b")
# The type of what has an error itself: what follows from one is not reported.
_FOLLOWING: Final = "*error*"
_LARGE: Final = re.compile(r"(?<![\w.])[A-Z]+(?![\w.])")
_UNDECLARED_PATH: Final = re.compile(
    r"ERROR: <input>:\d+:\d+: undeclared reference to '(\w+)\.[\w.]+' \((.*)\)\n \| (.*)\n \| .*"
)
_TOO_DEEP: Final = "expression recursion limit exceeded"
_TOO_DEEP_SOURCE: Final = re.compile(
    r"(?:CANCELLED: Expression recursion limit exceeded\. limit: "
    r"|ERROR: <input>:-1:-1: Exceeded max recursion depth of )(\d+)"
)
_TOO_DEEP_VALUES: Final = "values are nested too deeply"
# Extensions that are known by their names only.
_LIBRARIES: Final = ("two-var-comprehensions",)
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
            if isinstance(node, Call) and node.function in _CONVERSIONS:
                try:
                    _convert(node)
                except EvaluationError as error:
                    raise InstantiationError(f"program instantiation failed: {error}") from error
        return self

    def run(self, frame: Frame) -> Any:
        """Return the value; the frame tells what it cost, even after an EvaluationError."""
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
        source = with_known_macros(source)
        try:
            checked = self._env.compile(source)
        except RuntimeError as error:
            text = _upstream(str(error))
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

    def _makes(self, message: str) -> bool:
        return self._makes_objects and message.partition(".")[0] in OBJECTS


def _convert(node: Call) -> None:
    """Convert a literal, if the call does that."""
    literal = node.arguments[0] if len(node.arguments) == 1 else None
    if isinstance(literal, Literal):
        _FUNCTIONS[node.function](literal.value)


_extension = cache(extension)
_patch_extension = cache(patch_extension)


def optional_of(type_: str) -> str:
    """Return the name of the type of an optional value."""
    return f"{_OPTIONAL}{type_}>"


def _declared(variables: Mapping[str, str], libraries: Iterable[str]) -> str:
    """Return the declaration of variables; an optional type can be declared in this form only."""
    named = "".join(f'  - name: "{name}"\n' for name in (*_LIBRARIES, *libraries))
    lines = [f'  - name: "{name}"\n    type: "{type_}"\n' for name, type_ in variables.items()]
    return f"extensions:\n{named}variables:\n{''.join(lines)}"


def _name(type_: Any) -> str:
    """Return the name of a type as it is declared; the library shows some in capitals."""
    shown = _LARGE.sub(lambda match: match.group().lower(), str(type_.name()))
    shown = _ANY.sub("any", shown)
    return "null_type" if shown == "null" else shown.replace(", ", ",")


def _upstream(text: str) -> str:
    """Return the errors of the checker in the words and in the order of cel-go."""
    plain = text.removeprefix("INVALID_ARGUMENT: ").removesuffix(" [INVALID_ARGUMENT]")
    too_deep = _TOO_DEEP_SOURCE.match(plain)
    if too_deep is not None:
        return f"ERROR: <input>:-1:0: {_TOO_DEEP}: {too_deep[1]}"
    for pattern, words in _WORDS:
        plain = pattern.sub(words, plain)
    starts = list(_ERROR.finditer(plain))
    if not starts:
        return plain
    ends = [*(match.start() for match in starts[1:]), len(plain)]
    parts = []
    for match, end in zip(starts, ends, strict=True):
        line, column, shown = int(match[1]), int(match[2]), plain[match.start() : end].rstrip("\n")
        column, shown = _at_root(line, column, shown)
        if _FOLLOWING not in shown:
            parts.append(((line, column), shown))
    return "\n".join(dict.fromkeys(part for _, part in sorted(parts, key=lambda each: each[0])))


def _at_root(line: int, column: int, shown: str) -> tuple[int, str]:
    """Return an error about the first name of a path, where the library tells the whole path."""
    found = _UNDECLARED_PATH.fullmatch(shown)
    if found is None:
        return column, shown
    root, container, source = found.groups()
    start = source.rfind(root, 0, column - 1)
    if start < 0:
        return column, shown
    text = f"undeclared reference to '{root}' ({container})"
    caret = "." * start + "^"
    return start + 1, f"ERROR: <input>:{line}:{start + 1}: {text}\n | {source}\n | {caret}"
