"""ConversionReview: what a conversion webhook is asked, and what it may answer. Pure.

A webhook may change an object as it likes, but not its identity: kind, name, namespace and uid
stay, and of the metadata it decides only labels and annotations. The rest of the metadata is that
of the object that was sent. See "Webhook conversion" in the documentation of
CustomResourceDefinitions, and KEP-598.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from apiserver.client.webhook_responses import WebhookError, parse_review
from apiserver.machinery.fielderrors import aggregate
from apiserver.machinery.gvk import GroupVersionKind, parse_api_version
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import go_type, quote
from apiserver.machinery.valueclasses import valueclass
from apiserver.patch.reading import json_kind, no_object
from apiserver.resources.builtin.admissionregistration.webhooks import REVIEW_VERSIONS
from apiserver.resources.objectmeta import annotation_errors, label_errors
from apiserver.schema.kindtypes import Inconvertible

_GROUP, _KIND, _V1 = "apiextensions.k8s.io", "ConversionReview", "v1"
_SUCCESS: Final = "Success"
#: The response of the request, which has to be there.
_EMPTY_RESPONSE: Final[Object] = {"uid": "", "convertedObjects": None, "result": {"metadata": {}}}
# What may not change: the member of metadata, and its name in messages.
_IDENTITY: Final = (("name", "name"), ("namespace", "namespace"), ("uid", "UID"))
# What may change, and the path of its errors, which for annotations is misspelled in Kubernetes.
_DECIDED: Final = {
    "labels": (label_errors, "metadata.labels"),
    "annotations": (annotation_errors, "metadata.annotation"),
}
# The members of a response: where they are, the struct that has them, and their types.
_RESPONSE: Final = "ConversionResponse.response"
_RESULT: Final = "Status.response.result"


@valueclass
class ConversionReview:
    """One question to a webhook: objects of one kind, to be converted to another version of it.

    ``version`` is that of the review. No object has the version already.
    """

    version: str
    uid: str
    api_version: str
    objects: Sequence[Object]

    @property
    def body(self) -> bytes:
        """The JSON to send. Objects in it have no resourceVersion, as in the store."""
        return orjson.dumps(
            {
                "kind": _KIND,
                "apiVersion": f"{_GROUP}/{self.version}",
                "request": {
                    "uid": self.uid,
                    "desiredAPIVersion": self.api_version,
                    "objects": [_unversioned(document) for document in self.objects],
                },
                "response": _EMPTY_RESPONSE,
            }
        )

    def converted(self, answer: bytes) -> Sequence[Object]:
        """Return the converted objects from the body of an answer, in order.

        Raises Inconvertible, with the message for the first object.
        """
        before = f"conversion webhook for {_described(self.objects[0])}"
        try:
            found = self._answered(answer)
        except WebhookError as error:
            raise Inconvertible(f"{before} failed: {error}") from error
        expected = len(self.objects)
        if len(found) != expected:
            raise Inconvertible(f"{before} returned {len(found)} objects, expected {expected}")
        return [self._checked(*each) for each in zip(self.objects, found, strict=True)]

    def _answered(self, answer: bytes) -> list[Any]:
        versions = (self.version, *(each for each in REVIEW_VERSIONS if each != self.version))
        review = parse_review(answer, _KIND, _GROUP, versions)
        response = _member(review, "response", dict, _KIND, "v1.ConversionResponse")
        strict = self.version == _V1
        if strict and not (review.get("kind") and review.get("apiVersion")):
            group, _, version = (review.get("apiVersion") or "").rpartition("/")
            raise WebhookError(
                f"expected webhook response of {_GROUP}/{_V1}, Kind={_KIND}, "
                f"got {group}/{version}, Kind={review.get('kind') or ''}"
            )
        if response is None:
            raise WebhookError("no response provided")
        uid = _member(response, "uid", str, _RESPONSE, "types.UID") or ""
        result = _member(response, "result", dict, _RESPONSE, "v1.Status") or {}
        status = _member(result, "status", str, _RESULT, "string") or ""
        message = _member(result, "message", str, _RESULT, "string")
        of = "[]runtime.RawExtension"
        objects = _member(response, "convertedObjects", list, _RESPONSE, of) or []
        if strict and uid != self.uid:
            raise WebhookError(f"expected response.uid={quote(self.uid)}, got {quote(uid)}")
        if status != _SUCCESS:
            raise WebhookError(message or f"response.result.status was '{status}', not 'Success'")
        return objects

    def _checked(self, before: Object, after: Any) -> Object:
        """Return a converted object with the metadata that it may have. Raises Inconvertible."""
        if not isinstance(after, dict):
            # Upstream decodes no bytes at all for a null.
            raise Inconvertible(
                "unexpected end of JSON input" if after is None else no_object(after)
            )
        if not after.get("kind") or not isinstance(after["kind"], str):
            raise Inconvertible(f"Object 'Kind' is missing in '{orjson.dumps(after).decode()}'")
        text = f"conversion webhook for {_described(before)} returned invalid"
        found, expected = after.get("apiVersion") or "", self.api_version
        if found != expected:
            why = f"invalid groupVersion (expected {expected}, received {found})"
            raise Inconvertible(f"{text} object at index 0: {why}")
        if after["kind"] != before["kind"]:
            why = f"invalid kind (expected {before['kind']}, received {after['kind']})"
            raise Inconvertible(f"{text} object at index 0: {why}")
        problem = _identity_problem(before, after)
        if problem:
            raise Inconvertible(f"{text} object: {problem}")
        try:
            return {**after, "metadata": _metadata(before["metadata"], after)}
        except ValueError as error:
            raise Inconvertible(f"{text} metadata: {error}") from error


def review_version(recognized: Sequence[str]) -> str:
    """Return the version of the review for a webhook that recognizes these versions.

    Raises Inconvertible if the server knows none of them.
    """
    for version in recognized:
        if version in REVIEW_VERSIONS:
            return version
    raise Inconvertible("no supported conversion review versions")


def described_failure(document: Object, error: WebhookError) -> str:
    """Return the message for an object whose webhook could not be called."""
    return f"conversion webhook for {_described(document)} failed: {error}"


def _unversioned(document: Object) -> Object:
    metadata = document["metadata"]
    if "resourceVersion" not in metadata:
        return document
    kept = {name: each for name, each in metadata.items() if name != "resourceVersion"}
    return {**document, "metadata": kept}


def _described(document: Object) -> str:
    return str(GroupVersionKind(*parse_api_version(document["apiVersion"]), document["kind"]))


def _identity_problem(before: Object, after: Object) -> str:
    """Return what of the identity of an object has changed, ``""`` for nothing."""
    metadata = after.get("metadata")
    for member, called in _IDENTITY:
        kept = before["metadata"].get(member) or ""
        found = metadata.get(member) if isinstance(metadata, dict) else None
        now = found if isinstance(found, str) else ""
        if now != kept:
            return f"must have the same {called}: {kept} != {now}"
    return ""


def _metadata(before: Object, after: Object) -> Object:
    """Return the metadata of a converted object. Raises ValueError."""
    given = after.get("metadata")
    if not isinstance(given, dict):
        # Only an object that has no name yet gets here without it.
        found = f"invalid metadata of type {go_type(given)}" if "metadata" in after else ""
        raise ValueError(f"{found or 'missing metadata'} in converted object")
    metadata = {name: each for name, each in before.items() if name not in _DECIDED}
    for name in _DECIDED:
        decided = given.get(name)
        if decided is None:
            continue
        problem = _problem(name, before.get(name) or {}, decided)
        if problem:
            raise ValueError(problem)
        metadata[name] = decided
    return metadata


def _problem(member: str, before: Mapping[str, Any], given: Any) -> str:
    """Return the problem with labels or annotations, ``""`` if they are valid or as before."""
    if not isinstance(given, dict):
        return f"invalid metadata.{member} of type {go_type(given)} in converted object"
    for key, value in given.items():
        if not isinstance(value, str):
            # Nil has a form of its own there.
            of = "<nil>" if value is None else go_type(value)
            return f"metadata.{member}[{key}] must be a string, but is {of} in converted object"
    check, path = _DECIDED[member]
    errors = check(given, path) if given != before else []
    return aggregate(errors) if errors else ""


def _member(owner: Object, name: str, of: type, where: str, go_name: str) -> Any:
    """Return a member of a review, ``None`` if it is null or missing. Raises WebhookError."""
    value = owner.get(name)
    if value is None or isinstance(value, of):
        return value
    raise WebhookError(
        f"json: cannot unmarshal {json_kind(value)} into Go struct field {where}.{name} "
        f"of type {go_name}"
    )
