"""What a patch may be refused for, in the words of patches.

Each class is one sort of answer; the registry makes the Status of it:

=====================  ====  =================================================================
`MalformedPatch`       400   reason BadRequest, the text as it is
`PatchDoesNotApply`    422   reason Invalid, the text of a generic server response, empty details
`TooManyOperations`    413   reason RequestEntityTooLarge, the text as it is
`PatchFails`           500   no reason and no details, the text as it is
=====================  ====  =================================================================

The last is no accident of ours: a real API server answers some mistakes of its clients so. A
patched document that its kind cannot hold is not refused here but where it is decoded, as the
invalid field ``patch`` of an object without kind and name; `apiserver.patch.shown` has the texts.
"""

from __future__ import annotations

MAX_OPERATIONS = 10_000


class PatchError(Exception):
    """A patch that cannot be read or applied; nothing has changed."""


class MalformedPatch(PatchError):
    """The document is no patch of its sort."""


class PatchDoesNotApply(PatchError):
    """The patch is one, but not of this document: a test fails, a path leads nowhere."""


class PatchFails(PatchError):
    """The merge breaks down, in upstream's words."""


class TooManyOperations(PatchError):
    """A JSON patch of more operations than are allowed; ``count`` says how many."""

    def __init__(self, count: int) -> None:
        super().__init__(
            "Request entity too large: The allowed maximum operations in a JSON patch is "
            f"{MAX_OPERATIONS}, got {count}"
        )
        self.count = count
