"""Who asks for what, and what they are told besides the answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from apiserver.machinery.users import UserInfo


@dataclass(slots=True)
class RequestContext:
    """One request on one resource: the user, where, and the warnings gathered on the way."""

    user: UserInfo
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    user_agent: str = ""
    warnings: list[str] = field(default_factory=list)
    #: How many bytes were sent to say what is wanted.
    size: int = 0

    def warn(self, text: str) -> None:
        """Tell the client something besides the answer; what is said twice it is told once."""
        self.warnings.append(text)
