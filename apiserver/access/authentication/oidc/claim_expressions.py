"""Expressions about the claims of a token (``claims``) and about a user (``user``).

See "Configuring the authenticator" in the documentation of structured authentication.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from apiserver.cel.compilation import Environment, Program
from apiserver.cel.descriptors import SchemaTypes
from apiserver.cel.errors import CompileError
from apiserver.cel.syntaxtree import Call, Literal, Name, Select, nodes_of

_CLAIMS: Final = "claims"
_USER: Final = "user"
_USER_INFO: Final = {
    "username": "string", "uid": "string", "groups": "list<string>",
    "extra": "map<string,list<string>>",
}  # fmt: skip


class ClaimExpressions:
    """Compiles expressions."""

    def __init__(self) -> None:
        self._claims = Environment(SchemaTypes(None), {_CLAIMS: "map<string,dyn>"})
        user = SchemaTypes(None, messages={"UserInfo": _USER_INFO})
        self._user = Environment(user, {_USER: "UserInfo"})

    def mapping(self, source: str) -> Program:
        """Compile an expression for a value; its type is known with the value only.

        Raises CompileError.
        """
        return self._claims.compile(source)

    def claim_rule(self, source: str) -> Program:
        """Compile an expression about claims that must be true. Raises CompileError."""
        return _boolean(self._claims.compile(source))

    def user_rule(self, source: str) -> Program:
        """Compile an expression about the user that must be true. Raises CompileError."""
        return _boolean(self._user.compile(source))


def uses_claim(programs: Iterable[Program], claim: str) -> bool:
    """Return whether one of the programs selects a claim: ``claims.email``, ``claims.?email``."""
    return any(_selects(node, claim) for program in programs for node in nodes_of(program.tree))


def _selects(node: object, claim: str) -> bool:
    match node:
        case Select(operand=Name(name), field=field):
            return (name, field) == (_CLAIMS, claim)
        case Call(function="_?._", arguments=(Name(name), Literal(field))):
            return (name, field) == (_CLAIMS, claim)
        case _:
            return False


def _boolean(program: Program) -> Program:
    if program.type != "bool":
        raise CompileError("must evaluate to bool")
    return program
