"""Declarations, for the type checker, of the functions that the language itself lacks.

One line declares a function: its name, its receiver if it has one, the types of its arguments and
its result. The names of types are those of the checker.
"""

from __future__ import annotations

from typing import Any, Final

from cel_expr_python import cel

from apiserver.cel.kubernetesfunctions import FORMAT_NAMES
from apiserver.cel.kubernetesvalues import Address, Network, Quantity, Url, Version

QUANTITY: Final = Quantity.cel_type
_Q, _IP, _CIDR, _URL, _V = (kind.cel_type for kind in (Quantity, Address, Network, Url, Version))
_F: Final = "kubernetes.NamedFormat"
AUTHORIZER: Final = "kubernetes.authorization.Authorizer"
RESOURCE_CHECK: Final = "kubernetes.authorization.ResourceCheck"
_PATH_CHECK: Final = "kubernetes.authorization.PathCheck"
_GROUP_CHECK: Final = "kubernetes.authorization.GroupCheck"
_DECISION: Final = "kubernetes.authorization.Decision"
#: Types that have no fields, which the checker needs as messages.
OPAQUE: Final = (
    _Q, _IP, _CIDR, _URL, _V, _F, AUTHORIZER, RESOURCE_CHECK, _PATH_CHECK, _GROUP_CHECK, _DECISION,
)  # fmt: skip
_COMPARABLE: Final = ("int", "uint", "double", "bool", "string", "bytes", "duration", "timestamp")
# Numbers of different types, which have an order, too.
_MIXED: Final = ("int double", "double int", "int uint", "uint int", "uint double", "double uint")
_SUMMABLE: Final = ("int", "uint", "double", "duration")

# Functions whose types depend on each other: "~T" is the same type throughout.
_GENERIC: Final = """
unwrapOpt list<optional_type<~T>>. : list<~T>
optional.unwrap list<optional_type<~T>> : list<~T>
sets.contains list<~T> list<~T> : bool
sets.equivalent list<~T> list<~T> : bool
sets.intersects list<~T> list<~T> : bool
"""
# Name, types of the arguments (the first is the receiver if it ends with a dot), result.
_TABLE: Final = f"""
find string. string : string
findAll string. string : list<string>
findAll string. string int : list<string>
lastIndexOf list<dyn>. dyn : int
indexOf list<dyn>. dyn : int
url string : {_URL}
isURL string : bool
getScheme {_URL}. : string
getHost {_URL}. : string
getHostname {_URL}. : string
getPort {_URL}. : string
getEscapedPath {_URL}. : string
getQuery {_URL}. : map<string,list<string>>
quantity string : {_Q}
isQuantity string : bool
isInteger {_Q}. : bool
asInteger {_Q}. : int
asApproximateFloat {_Q}. : double
sign {_Q}. : int
add {_Q}. {_Q} : {_Q}
add {_Q}. int : {_Q}
sub {_Q}. {_Q} : {_Q}
sub {_Q}. int : {_Q}
isLessThan {_Q}. {_Q} : bool
isGreaterThan {_Q}. {_Q} : bool
compareTo {_Q}. {_Q} : int
semver string : {_V}
semver string bool : {_V}
isSemver string : bool
isSemver string bool : bool
major {_V}. : int
minor {_V}. : int
patch {_V}. : int
isLessThan {_V}. {_V} : bool
isGreaterThan {_V}. {_V} : bool
compareTo {_V}. {_V} : int
ip string : {_IP}
ip {_CIDR}. : {_IP}
isIP string : bool
ip.isCanonical string : bool
string {_IP} : string
family {_IP}. : int
isUnspecified {_IP}. : bool
isLoopback {_IP}. : bool
isLinkLocalMulticast {_IP}. : bool
isLinkLocalUnicast {_IP}. : bool
isGlobalUnicast {_IP}. : bool
cidr string : {_CIDR}
isCIDR string : bool
string {_CIDR} : string
containsIP {_CIDR}. string : bool
containsIP {_CIDR}. {_IP} : bool
containsCIDR {_CIDR}. string : bool
containsCIDR {_CIDR}. {_CIDR} : bool
masked {_CIDR}. : {_CIDR}
prefixLength {_CIDR}. : int
format.named string : optional_type<{_F}>
validate {_F}. string : optional_type<list<string>>
path {AUTHORIZER}. string : {_PATH_CHECK}
group {AUTHORIZER}. string : {_GROUP_CHECK}
serviceAccount {AUTHORIZER}. string string : {AUTHORIZER}
resource {_GROUP_CHECK}. string : {RESOURCE_CHECK}
subresource {RESOURCE_CHECK}. string : {RESOURCE_CHECK}
namespace {RESOURCE_CHECK}. string : {RESOURCE_CHECK}
name {RESOURCE_CHECK}. string : {RESOURCE_CHECK}
fieldSelector {RESOURCE_CHECK}. string : {RESOURCE_CHECK}
labelSelector {RESOURCE_CHECK}. string : {RESOURCE_CHECK}
check {_PATH_CHECK}. string : {_DECISION}
check {RESOURCE_CHECK}. string : {_DECISION}
allowed {_DECISION}. : bool
reason {_DECISION}. : string
error {_DECISION}. : string
errored {_DECISION}. : bool
"""
_PATCHES: Final = "jsonpatch.escapeKey string : string"


def patch_extension() -> Any:
    """Return the functions of expressions that make patches."""
    return _extension("kubernetes.jsonpatch", [_PATCHES])


def extension() -> Any:
    """Return Kubernetes' own functions, as the checker takes them."""
    lines = _TABLE.split("\n")
    for kind in _COMPARABLE:
        lines.append(f"isSorted list<{kind}>. : bool")
        lines += [f"{name} list<{kind}>. : {kind}" for name in ("min", "max")]
    lines += [f"sum list<{kind}>. : {kind}" for kind in _SUMMABLE]
    lines += [f"format.{name}  : {_F}" for name in FORMAT_NAMES]
    for operator in ("_<_", "_<=_", "_>_", "_>=_"):
        lines += [f"{operator} {pair} : bool" for pair in _MIXED]
    return _extension("kubernetes", lines)


def _extension(name: str, lines: list[str]) -> Any:
    overloads: dict[str, list[Any]] = {}
    for line in filter(None, lines):
        function, overload = _overload(line)
        overloads.setdefault(function, []).append(overload)
    declared = [cel.FunctionDecl(function, found) for function, found in overloads.items()]
    return cel.CelExtension(name, declared)


def generic_functions() -> str:
    """Return functions as the configuration of an environment declares them, in YAML.

    This is the only form in which the library knows that several types are the same.
    """
    lines, before = ["functions:"], ""
    for line in _GENERIC.strip().splitlines():
        name, arguments, result, is_member = _parts(line)
        if name != before:
            lines += [f'- name: "{name}"', "  overloads:"]
        before = name
        lines.append(f'  - id: "{_identifier(name, arguments)}"')
        if is_member:
            lines.append(f'    target: {{type: "{arguments[0]}"}}')
        others = ", ".join(f'{{type: "{each}"}}' for each in arguments[is_member:])
        lines += [f"    args: [{others}]", f'    return: {{type: "{result}"}}']
    return "\n".join(lines) + "\n"


def _parts(line: str) -> tuple[str, list[str], str, bool]:
    """Return the name of a function, its arguments, its result, and if it has a receiver."""
    left, _, result = line.partition(" : ")
    name, *arguments = left.split()
    is_member = bool(arguments) and arguments[0].endswith(".")
    return name, [each.removesuffix(".") for each in arguments], result.strip(), is_member


def _identifier(name: str, arguments: list[str]) -> str:
    whole = "_".join([name, *arguments]).replace("<", "_").replace(">", "").replace(".", "_")
    return whole.replace("~", "").replace(",", "_")


def _overload(line: str) -> tuple[str, Any]:
    name, arguments, result, is_member = _parts(line)
    overload = cel.Overload(
        id=_identifier(name, arguments),
        return_type=cel.Type(result),
        parameters=[cel.Type(each) for each in arguments],
        is_member=is_member,
    )
    return name, overload
