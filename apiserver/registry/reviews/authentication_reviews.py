"""Authentication reviews: SelfSubjectReview and TokenReview."""

from __future__ import annotations

from typing import Any

from apiserver.access.authentication.authenticator import BadCredential, RequestAuthenticator
from apiserver.machinery.errors import BadRequest
from apiserver.machinery.objects import Object
from apiserver.machinery.times import now
from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.create_virtual import VirtualRequest


async def review_self(request: VirtualRequest, document: Object) -> Object:
    """Answer a SelfSubjectReview: the user as authenticated."""
    await request.validate(await request.prepared(document))
    kind = request.kind
    return {
        "kind": kind.kind,
        "apiVersion": kind.api_version,
        "metadata": {"creationTimestamp": now()},
        "status": {"userInfo": user_document(request.context.user)},
    }


@valueclass
class TokenReviews:
    """The REST storage of TokenReviews: which user a token belongs to."""

    authenticator: RequestAuthenticator

    async def review(self, request: VirtualRequest, document: Object) -> Object:
        """Answer a TokenReview; for an invalid token, too, the response is a TokenReview."""
        review = await request.prepared(document)
        spec = review["spec"]
        token = spec.get("token")
        if not token:
            raise BadRequest("token is required for TokenReview in authentication")
        await request.validate(review)
        status: dict[str, Any]
        try:
            user, audiences = await self.authenticator.review(
                token, spec.get("audiences") or (), request.context
            )
        except BadCredential as error:
            status = {"user": {}, "error": str(error)}
        else:
            status = {"authenticated": True, "user": user_document(user)}
            # As in Kubernetes, an error that the client has sent is not removed.
            sent = (review.get("status") or {}).get("error")
            if sent:
                status["error"] = sent
            if audiences:
                status["audiences"] = list(audiences)
        return {**review, "status": status}


def user_document(user: UserInfo) -> dict[str, Any]:
    """Return a user as a ``UserInfo`` document."""
    members: dict[str, Any] = {
        "username": user.name,
        "uid": user.uid,
        "groups": list(user.groups),
        "extra": {key: list(values) for key, values in user.extra.items()},
    }
    return {key: value for key, value in members.items() if value}
