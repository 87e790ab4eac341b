"""The errors of patches.

Each class corresponds to one kind of response; the registry creates its Status:

=====================  ====  =================================================================
`MalformedPatch`       400   reason BadRequest, the text as it is
`PatchDoesNotApply`    422   reason Invalid, the text of a generic server response, empty details
`TooManyOperations`    413   reason RequestEntityTooLarge, the text as it is
`PatchFails`           500   no reason and no details, the text as it is
=====================  ====  =================================================================

The 500 is intended: kube-apiserver answers some client errors so. A patched document that does not
match its kind is not rejected here but when it is decoded, as the invalid field ``patch`` of an
object without kind and name; `apiserver.patch.shown` has the texts.
"""

from __future__ import annotations

MAX_OPERATIONS = 10_000


class PatchError(Exception):
    """A patch cannot be parsed or applied; the document is unchanged."""


class MalformedPatch(PatchError):
    """The document is not a patch of its type."""


class PatchDoesNotApply(PatchError):
    """The patch is valid, but does not apply: a test fails, or a path does not exist.

    The message is that of the library of Kubernetes. ``test_failed``: it is a test that fails.
    """

    def __init__(self, message: str, *, test_failed: bool = False) -> None:
        super().__init__(message)
        self.test_failed = test_failed


class PatchFails(PatchError):
    """The merge fails; the message is that of Kubernetes."""


class TooManyOperations(PatchError):
    """A JSON patch has more operations than are allowed; ``count`` is their number."""

    def __init__(self, count: int) -> None:
        super().__init__(
            "Request entity too large: The allowed maximum operations in a JSON patch is "
            f"{MAX_OPERATIONS}, got {count}"
        )
        self.count = count
