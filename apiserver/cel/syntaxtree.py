"""The checked syntax tree of an expression, as plain values.

The source is a serialized ``cel.expr.CheckedExpr`` (cel-spec, proto/cel/expr/checked.proto) in a
``google.protobuf.Any``. Only what is used here is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from apiserver.cel.values import UInt
from apiserver.machinery.valueclasses import valueclass


@valueclass
class Literal:
    """A constant."""

    value: Any


@valueclass
class Name:
    """A variable, or a type by its name."""

    name: str


@valueclass
class Select:
    """``operand.field``, or whether it is present: ``has(operand.field)``."""

    operand: Node
    field: str
    test_only: bool


@valueclass
class Call:
    """A function or an operator with its arguments; the first is the receiver, if it has one.

    ``overloads`` are the identifiers of what may be meant.
    """

    function: str
    arguments: tuple[Node, ...]
    has_receiver: bool
    overloads: tuple[str, ...]


@valueclass
class ListOf:
    """``[a, ?b]``: ``optional`` are the indexes of items that may be missing."""

    items: tuple[Node, ...]
    optional: frozenset[int]


@valueclass
class MapOf:
    """``{key: value, ?key: value}``, or a message by its name: key, value, may be missing."""

    message: str
    entries: tuple[tuple[Node, Node, bool], ...]


@valueclass
class Comprehension:
    """A loop: what the macros ``all``, ``exists``, ``exists_one``, ``map`` and ``filter`` mean.

    ``second`` is the variable of the value, where ``variable`` is that of the index or key, or "".
    """

    variable: str
    second: str
    range: Node
    result_variable: str
    initial: Node
    condition: Node
    step: Node
    result: Node


Node: TypeAlias = Literal | Name | Select | Call | ListOf | MapOf | Comprehension


def nodes_of(tree: Node) -> Iterator[Node]:
    """Yield a tree and all of its nodes."""
    left = [tree]
    while left:
        node = left.pop()
        yield node
        left += _parts(node)


def _parts(node: Node) -> tuple[Node, ...]:
    match node:
        case Select(operand):
            return (operand,)
        case Call():
            return node.arguments
        case ListOf(items):
            return items
        case MapOf():
            return tuple(part for key, value, _ in node.entries for part in (key, value))
        case Comprehension():
            return node.range, node.initial, node.condition, node.step, node.result
        case _:
            return ()


# Messages: field name, number, and type. Names in brackets are repeated, `{}` are maps from ids.
_MESSAGES: Final[dict[str, tuple[tuple[str, int, str], ...]]] = {
    "Any": (("value", 2, "bytes"),),
    "CheckedExpr": (
        ("references", 2, "[Entry]"), ("types", 3, "[TypeEntry]"), ("expr", 4, "Expr"),
        ("source", 5, "Source"),
    ),
    "ParsedExpr": (("expr", 2, "Expr"), ("source", 3, "Source")),
    "TypeEntry": (("key", 1, "int64"), ("value", 2, "Type")),
    "Type": (
        ("dyn", 1, "bytes"), ("null", 2, "int32"), ("primitive", 3, "int32"),
        ("wrapper", 4, "int32"), ("well_known", 5, "int32"), ("list", 6, "ListType"),
        ("map", 7, "MapType"), ("message", 9, "string"), ("type", 11, "Type"),
        ("abstract", 14, "AbstractType"),
    ),
    "AbstractType": (("name", 1, "string"), ("parameters", 2, "[Type]")),
    "ListType": (("element", 1, "Type"),),
    "MapType": (("key", 1, "Type"), ("value", 2, "Type")),
    "Source": (("positions", 4, "[Position]"),),
    "Position": (("key", 1, "int64"), ("value", 2, "int32")),
    "Entry": (("key", 1, "int64"), ("value", 2, "Reference")),
    "Reference": (("name", 1, "string"), ("overloads", 3, "[string]")),
    "Expr": (
        ("id", 2, "int64"), ("constant", 3, "Constant"), ("name", 4, "Name"),
        ("select", 5, "Select"), ("call", 6, "Call"), ("list", 7, "List"),
        ("struct", 8, "Struct"), ("loop", 9, "Loop"),
    ),
    "Constant": (
        ("null", 1, "uint64"), ("bool", 2, "bool"), ("int", 3, "int64"), ("uint", 4, "uint64"),
        ("double", 5, "double"), ("string", 6, "string"), ("bytes", 7, "bytes"),
    ),
    "Name": (("name", 1, "string"),),
    "Select": (("operand", 1, "Expr"), ("field", 2, "string"), ("test_only", 3, "bool")),
    "Call": (("target", 1, "Expr"), ("function", 2, "string"), ("args", 3, "[Expr]")),
    "List": (("items", 1, "[Expr]"), ("optional", 2, "[int32]")),
    "Struct": (("message", 1, "string"), ("entries", 2, "[StructEntry]")),
    "StructEntry": (
        ("field", 2, "string"), ("key", 3, "Expr"), ("value", 4, "Expr"), ("optional", 5, "bool"),
    ),
    "Loop": (
        ("variable", 1, "string"), ("range", 2, "Expr"), ("accumulator", 3, "string"),
        ("initial", 4, "Expr"), ("condition", 5, "Expr"), ("step", 6, "Expr"),
        ("result", 7, "Expr"), ("second", 8, "string"),
    ),
}  # fmt: skip
_PACKAGE: Final = "apiserver.cel"


NOTHING: Final[Mapping[str, str]] = {}


def read_checked(serialized: bytes) -> Any:
    """Return a ``cel.expr.CheckedExpr`` with the members used here. Raises DecodeError."""
    return _CHECKED.FromString(_ANY.FromString(serialized).value)


def read_parsed(serialized: bytes) -> Any:
    """Return a ``cel.expr.ParsedExpr`` with the members used here. Raises DecodeError."""
    return _PARSED.FromString(_ANY.FromString(serialized).value)


def parts_of(expr: Any) -> Iterator[Any]:
    """Yield what is directly in a ``cel.expr.Expr``."""
    if expr.HasField("call"):
        if expr.call.HasField("target"):
            yield expr.call.target
        yield from expr.call.args
    elif expr.HasField("select"):
        yield expr.select.operand
    elif expr.HasField("list"):
        yield from expr.list.items
    elif expr.HasField("struct"):
        for entry in expr.struct.entries:
            if entry.HasField("key"):
                yield entry.key
            yield entry.value
    elif expr.HasField("loop"):
        loop = expr.loop
        yield from (loop.range, loop.initial, loop.condition, loop.step, loop.result)


def decode(checked: Any, renamed: Mapping[str, str] = NOTHING) -> Node:
    """Return the tree of a checked expression; ``renamed`` are the true names of its messages."""
    overloads = {entry.key: tuple(entry.value.overloads) for entry in checked.references}
    names = {entry.key: entry.value.name for entry in checked.references if entry.value.name}
    return _Decoder(overloads, names, renamed).node(checked.expr)


class _Decoder:
    def __init__(
        self,
        overloads: dict[int, tuple[str, ...]],
        names: dict[int, str],
        renamed: Mapping[str, str],
    ) -> None:
        self._overloads = overloads
        self._names = names
        self._renamed = renamed

    def node(self, expr: Any) -> Node:
        if expr.HasField("constant"):
            return Literal(_constant(expr.constant))
        if expr.HasField("name"):
            return Name(self._names.get(expr.id, expr.name.name))
        if expr.HasField("select"):
            found = expr.select
            if expr.id in self._names:
                return Name(self._names[expr.id])
            return Select(self.node(found.operand), found.field, found.test_only)
        if expr.HasField("call"):
            return self._call(expr)
        if expr.HasField("list"):
            items = tuple(map(self.node, expr.list.items))
            return ListOf(items, frozenset(expr.list.optional))
        if expr.HasField("struct"):
            message = self._renamed.get(expr.struct.message, expr.struct.message)
            return MapOf(message, tuple(map(self._entry, expr.struct.entries)))
        loop = expr.loop
        return Comprehension(
            loop.variable,
            loop.second,
            self.node(loop.range),
            loop.accumulator,
            self.node(loop.initial),
            self.node(loop.condition),
            self.node(loop.step),
            self.node(loop.result),
        )

    def _call(self, expr: Any) -> Call:
        call = expr.call
        has_receiver = call.HasField("target")
        arguments = [call.target, *call.args] if has_receiver else call.args
        nodes = tuple(map(self.node, arguments))
        return Call(call.function, nodes, has_receiver, self._overloads.get(expr.id, ()))

    def _entry(self, entry: Any) -> tuple[Node, Node, bool]:
        key = self.node(entry.key) if entry.HasField("key") else Literal(entry.field)
        return key, self.node(entry.value), entry.optional


def _constant(constant: Any) -> Any:
    [(field, value)] = constant.ListFields() or [(None, None)]
    if field is None or field.name == "null":
        return None
    return UInt(value) if field.name == "uint" else value


def _messages() -> dict[str, Any]:
    proto = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="apiserver/cel.proto", package=_PACKAGE, syntax="proto2"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            plain = kind.strip("[]")
            repeated = plain != kind
            label = proto.LABEL_REPEATED if repeated else proto.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            if plain in _MESSAGES:
                added.type, added.type_name = proto.TYPE_MESSAGE, f".{_PACKAGE}.{plain}"
            else:
                added.type = getattr(proto, f"TYPE_{plain.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in ("Any", "CheckedExpr", "ParsedExpr")
    }


_FOUND: Final = _messages()
_ANY: Final = _FOUND["Any"]
_CHECKED: Final = _FOUND["CheckedExpr"]
_PARSED: Final = _FOUND["ParsedExpr"]
