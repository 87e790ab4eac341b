"""token: a new token for a ServiceAccount, optionally bound to the lifetime of an object."""

from __future__ import annotations

from typing import Any, Final

from apiserver.access.serviceaccounts.claims import BoundObjects, TokenLifetime
from apiserver.access.serviceaccounts.tokens import ServiceAccountTokens
from apiserver.machinery.errors import BadRequest, Conflict, Invalid, NotFound
from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.gvk import GroupResource, GroupVersionKind, parse_api_version
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import format_seconds, system_clock
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.context import RequestContext
from apiserver.registry.create_virtual import VirtualRequest
from apiserver.registry.get import get_object
from apiserver.registry.registry import Registry
from apiserver.registry.resource import Resource

KIND: Final = GroupVersionKind("authentication.k8s.io", "v1", "TokenRequest")
_DEFAULT_SECONDS: Final = 3600
_MIN_SECONDS: Final = 600
_MAX_SECONDS: Final = 1 << 32
# A kubelet requests this lifetime if the Pod specifies none. Programs that never reload their token
# would fail after an hour, so the API accepts the token for longer, and can tell that it is stale.
_WARN_ONLY_SECONDS: Final = 3607
_EXTENDED_SECONDS: Final = 365 * 24 * 3600


@valueclass
class TokenRequests:
    """Answers TokenRequests by issuing tokens."""

    registry: Registry
    tokens: ServiceAccountTokens

    async def create(self, request: VirtualRequest, document: Object) -> Object:
        """Return a TokenRequest with its token. Raises NotFound, Invalid, Conflict, BadRequest."""
        context = request.context
        if document["spec"].get("expirationSeconds") is None:
            document["spec"]["expirationSeconds"] = _DEFAULT_SECONDS
        wanted = await request.prepared(document, keeps_identity=True)
        _check_name(wanted, context.name)
        account = await self._get("serviceaccounts", context.namespace, context.name)
        begins = int(system_clock().time())
        wanted = self._completed(wanted, account, begins)
        errors = _validate(wanted["spec"])
        if errors:
            raise Invalid.of(KIND, "", errors)
        await request.validate(wanted)
        bound = await self._bound(account, wanted["spec"].get("boundObjectRef"))
        wanted = self._shortened(context, wanted)
        spec = wanted["spec"]
        seconds = spec["expirationSeconds"]
        token = self.tokens.issue(
            account, bound, self._term(begins, spec, bound), spec["audiences"]
        )
        status = {"token": token, "expirationTimestamp": format_seconds(begins + seconds)}
        return {**wanted, "status": status}

    def _completed(self, request: Object, account: Object, begins: int) -> Object:
        known = account["metadata"]
        given = request["metadata"]
        uid = given.get("uid")
        if uid and uid != known["uid"]:
            raise Conflict.of(
                GroupResource(KIND.group, KIND.kind),
                known["name"],
                f"the UID in the token request ({uid}) does not match the UID of the service "
                f"account ({known['uid']})",
            )
        metadata = {
            **given,
            "name": known["name"],
            "namespace": known["namespace"],
            "uid": known["uid"],
            "creationTimestamp": format_seconds(begins),
        }
        spec = request["spec"]
        if not spec.get("audiences"):
            spec = {**spec, "audiences": list(self.tokens.policy.audiences)}
        return {**request, "metadata": metadata, "spec": spec, "status": {}}

    def _shortened(self, context: RequestContext, request: Object) -> Object:
        spec, longest = request["spec"], self.tokens.policy.longest
        asked = spec["expirationSeconds"]
        if not longest or asked <= longest:
            return request
        context.warn(f"requested expiration of {asked} seconds shortened to {longest} seconds")
        return {**request, "spec": {**spec, "expirationSeconds": longest}}

    def _term(self, begins: int, spec: dict[str, Any], bound: BoundObjects) -> TokenLifetime:
        seconds = spec["expirationSeconds"]
        policy = self.tokens.policy
        for_the_api = set(spec["audiences"]) <= set(policy.audiences)
        warn_only = bound.pod is not None and seconds == _WARN_ONLY_SECONDS and for_the_api
        if policy.extends and warn_only:
            return TokenLifetime(begins, _EXTENDED_SECONDS, warn_after=seconds)
        return TokenLifetime(begins, seconds)

    async def _bound(self, account: Object, reference: dict[str, Any] | None) -> BoundObjects:
        if reference is None:
            return BoundObjects()
        namespace, name = namespace_of(account), reference.get("name", "")
        group, version, kind = _kind(reference)
        match "" if group else kind:
            case "Pod":
                found = await self._get("pods", namespace, name)
                if found["spec"].get("serviceAccountName", "") != name_of(account):
                    raise BadRequest(
                        f"cannot bind token for serviceaccount {quote(name_of(account))} to pod "
                        "running with different serviceaccount name."
                    )
                bound = BoundObjects(pod=found, node=await self._node_of(found))
            case "Node":
                found = await self._get("nodes", "", name)
                bound = BoundObjects(node=found)
            case "Secret":
                found = await self._get("secrets", namespace, name)
                bound = BoundObjects(secret=found)
            case _:
                raise BadRequest(
                    f"cannot bind token to object of type {group}/{version}, Kind={kind}"
                )
        uid = reference.get("uid")
        if uid and uid != found["metadata"]["uid"]:
            raise Conflict.of(
                GroupResource(group, kind),
                name,
                f"the UID in the bound object reference ({uid}) does not match the UID in record. "
                "The object might have been deleted and then recreated",
            )
        return bound

    async def _node_of(self, pod: Object) -> Object | None:
        name = pod["spec"].get("nodeName")
        if not name:
            return None
        try:
            return await self._get("nodes", "", name)
        except NotFound:
            # The token names the node even if it does not exist.
            return {"metadata": {"name": name}}

    async def _get(self, plural: str, namespace: str, name: str) -> Object:
        resource: Resource | None = self.registry.resource("", "v1", plural)
        assert resource is not None
        return (await get_object(resource, namespace, name)).object


def _check_name(request: Object, name: str) -> None:
    given = name_of(request)
    if given and given != name:
        detail = "must match the service account name if specified"
        raise Invalid.of(KIND, name, [invalid("metadata.name", given, detail)])


def _validate(spec: dict[str, Any]) -> list[FieldError]:
    path, seconds = "spec.expirationSeconds", spec["expirationSeconds"]
    errors = []
    if seconds < _MIN_SECONDS:
        errors.append(invalid(path, seconds, "may not specify a duration less than 10 minutes"))
    if seconds > _MAX_SECONDS:
        errors.append(invalid(path, seconds, "may not specify a duration larger than 2^32 seconds"))
    return errors


def _kind(reference: dict[str, Any]) -> GroupVersionKind:
    kind = reference.get("kind", "")
    try:
        return GroupVersionKind(*parse_api_version(reference.get("apiVersion", "")), kind)
    except ValueError:
        return GroupVersionKind("", "", kind)
