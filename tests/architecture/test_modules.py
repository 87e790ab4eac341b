"""Modules and functions: limits of length, and words that names must not have."""

from __future__ import annotations

import ast
import re
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path for package in ("apiserver", "storage") for path in (ROOT / package).rglob("*.py")
)
GENERATED = re.compile(r"_pb2\.py$|/rpc\.py$")
LONGEST = 400
VAGUE = {"utils", "util", "common", "helpers", "helper", "base", "misc", "core", "lib", "tools"}
# The packages whose prose is held to this; the words that have a plain equivalent.
PLAIN = {
    *("access", "client", "controllers", "endpoints", "fieldmanager", "machinery"),
    *("cel", "patch", "registry", "resources", "schema", "server", "storage", "testing"),
}
QUAINT = re.compile(
    r"\b(some|any|every|no)body\b|\bwho(ever| asks)\b|\bby and by\b|\bcome what may\b|\banew\b|"
    r"\b(is|are|be|was|been) (told|faster|quicker)\b|\blet(s|ting)? go\b|\btells? of\b|\bhence\b|"
    r"\bcomes? to an end\b|\b(what|nothing) is said\b|\bhas it that\b|\blest\b|\bthereby\b",
    re.IGNORECASE,
)
# A verb has its handler and its meaning in the registry; a layer has its errors.
REPEATED = {
    *("create", "create_virtual", "delete", "get", "list", "patch", "scale", "update", "watch"),
    *("__init__", "errors"),
    "codec",  # the codec of objects, and the store that applies one
    "names",  # the rules for names of objects, and for names inside of them
    "store",  # one for each backend
}
KINDS = ROOT / "apiserver/resources/builtin"
# `core` is the name of an API group, and the folder of its kinds.
NAMED_BY_KUBERNETES = {ROOT / "apiserver/resources/builtin/core"}


def prose(path: Path) -> Iterator[str]:
    """Yield the comments and docstrings of a module."""
    source = path.read_text()
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented):
            yield ast.get_docstring(node) or ""


def offending(breaks: Callable[[Path], object]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in MODULES if breaks(path)]


def test_modules_are_no_longer_than_can_be_read() -> None:
    def is_long(path: Path) -> bool:
        generated = GENERATED.search(path.as_posix()) is not None
        return not generated and len(path.read_text().splitlines()) > LONGEST

    assert offending(is_long) == []


def test_modules_begin_with_what_they_are() -> None:
    assert offending(lambda path: not ast.get_docstring(ast.parse(path.read_text()))) == []


def test_names_say_something() -> None:
    def is_vague(path: Path) -> bool:
        inside = path.relative_to(ROOT)
        names = {path.stem} | {
            parent.name for parent in inside.parents if ROOT / parent not in NAMED_BY_KUBERNETES
        }
        private = path.stem.startswith("_") and path.stem not in ("__init__", "__main__")
        return bool(names & VAGUE) or private

    assert offending(is_vague) == []


def test_the_name_of_a_module_means_one_thing() -> None:
    # The modules of a kind are told apart by the folder of their group.
    shared = (
        path for path in MODULES if KINDS not in path.parents or KINDS / "parts" in path.parents
    )
    counts = Counter(path.stem for path in shared)
    assert {name for name, count in counts.items() if count > 1} <= REPEATED


def test_prose_is_plain_technical_english() -> None:
    def is_quaint(path: Path) -> bool:
        top, inside = path.relative_to(ROOT).parts[:2]
        package = inside if top == "apiserver" else top
        # In most modules there is no such word at all, in prose or elsewhere.
        suspect = package in PLAIN and QUAINT.search(path.read_text()) is not None
        return suspect and any(QUAINT.search(text) for text in prose(path))

    assert offending(is_quaint) == []


def test_nothing_is_left_to_be_done() -> None:
    left = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert offending(lambda path: left.search(path.read_text())) == []
