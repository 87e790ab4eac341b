"""MutatingAdmissionWebhook: webhooks change objects, one after another.

If one of them changes the object, there is a second round, in which the built-in plugins see the
object again, and those webhooks before it whose reinvocationPolicy is IfNeeded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from apiserver.access.admission.admission_request import MatchedRequest
from apiserver.access.admission.admission_review import AdmissionResponse
from apiserver.access.admission.chain import AdmissionAttributes, Reinvocation, drop_annotation
from apiserver.access.admission.indexed_plugin import IndexedPlugin
from apiserver.access.admission.webhook_calls import (
    WebhookCallError,
    WebhookDependencies,
    WebhookRequest,
)
from apiserver.access.admission.webhooks import Webhook
from apiserver.client.client import Reader
from apiserver.machinery.documents import dump_json, parse_json
from apiserver.machinery.equality import deep_equal
from apiserver.machinery.errors import InternalError
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.patch import json_patch
from apiserver.patch.errors import PatchError

_DOMAIN: Final = "webhook.admission.k8s.io"
_JSON_PATCH: Final = "JSONPatch"


@dataclass(slots=True)
class _ReinvocationState:
    """The state of the first round for the second one, by the keys of webhooks."""

    #: Those that have been asked, and are asked again if the object changes.
    waiting: set[tuple[str, str]] = field(default_factory=set)
    #: Those that are asked in the second round.
    due: set[tuple[str, str]] = field(default_factory=set)
    #: The object after the first round.
    output: Object | None = None

    def object_changed(self) -> None:
        """Let the webhooks that were called before be called again."""
        self.due |= self.waiting
        self.waiting = set()


class MutatingAdmissionWebhook(IndexedPlugin[Webhook, WebhookDependencies]):
    """Applies the patches of webhooks, and rejects what they deny."""

    name = "MutatingAdmissionWebhook"

    async def mutate_async(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        if attributes.reinvocation is None:
            attributes.reinvocation = Reinvocation()
        reinvocation = attributes.reinvocation
        rounds: _ReinvocationState = reinvocation.states.setdefault(self.name, _ReinvocationState())
        if reinvocation.running and not _is_same(rounds.output, attributes.object):
            rounds.object_changed()
        candidates = self._candidates(attributes)
        request = WebhookRequest(attributes, reader, self._dependencies)
        for hook in candidates.items:
            matched = await request.matched(hook, candidates.equivalents)
            # No webhook is asked for the first time in the second round.
            if matched is None or (reinvocation.running and hook.key not in rounds.due):
                continue
            if await self._ask(request, hook, matched, reinvocation):
                rounds.object_changed()
                reinvocation.request()
            if hook.reinvocable:
                rounds.waiting.add(hook.key)
        rounds.output = attributes.object
        return attributes.object

    async def _ask(
        self,
        request: WebhookRequest,
        hook: Webhook,
        matched: MatchedRequest,
        reinvocation: Reinvocation,
    ) -> bool:
        """Ask a webhook; return whether it has changed the object."""
        place = f"round_{int(reinvocation.running)}_index_{hook.index}"
        attributes, changed = request.attributes, False
        try:
            response = await request.ask(hook, matched, mutating=True)
            operations = _operations(response)
            if operations is not None and operations.items:
                changed = await self._apply(request, hook, matched, operations)
                if attributes.annotate_at_request_level is not drop_annotation:
                    shown = partial(_shown_patch, hook, response)
                    attributes.annotate_at_request_level(
                        f"patch.{_DOMAIN}/{place}", await request.run(len(response.patch), shown)
                    )
        except WebhookCallError as error:
            request.handle_failure(hook, error, f"failed-open.mutation.{_DOMAIN}/{place}")
        finally:
            told = _annotation(hook, {"mutated": changed})
            attributes.annotate(f"mutation.{_DOMAIN}/{place}", told)
        return changed

    async def _apply(
        self,
        request: WebhookRequest,
        hook: Webhook,
        matched: MatchedRequest,
        operations: json_patch.Operations,
    ) -> bool:
        attributes, versions = request.attributes, self._dependencies.versions
        document, version = matched.object, matched.version
        if document is None:
            raise InternalError(
                f"admission webhook {quote(hook.name)} attempted to modify the object, which is "
                "not supported for this operation"
            )

        def patched() -> Object | None:
            """Return the object, decoded again, ``None`` if it has not changed."""
            changed = json_patch.apply(document, operations)
            decoded = versions.decode(changed, version, attributes.subresource)
            return None if deep_equal(decoded, document) else decoded

        try:
            decoded = await request.run(request.size, patched)
        except PatchError as error:
            raise InternalError(str(error)) from error
        if decoded is None:
            return False
        if version != request.own:
            decoded = await versions.convert(decoded, version, request.own)
        attributes.object = decoded
        return True


def _annotation(hook: Webhook, details: Mapping[str, Any]) -> str:
    """Return the value of an audit annotation about a webhook, in which Go escapes HTML."""
    document = {"configuration": hook.configuration, "webhook": hook.name, **details}
    text = dump_json(document).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _shown_patch(hook: Webhook, response: AdmissionResponse) -> str:
    operations = [each and dict(sorted(each.items())) for each in parse_json(response.patch)]
    return _annotation(hook, {"patch": operations, "patchType": _JSON_PATCH})


def _operations(response: AdmissionResponse) -> json_patch.Operations | None:
    """Return the operations of a patch, ``None`` if there is none. Raises WebhookCallError."""
    if not response.patch:
        return None
    try:
        operations = json_patch.parse(response.patch, validated=False)
    except PatchError as error:
        raise WebhookCallError(
            f"received undecodable patch in webhook response: {error}"
        ) from error
    if operations.items and response.patch_type != _JSON_PATCH:
        raise WebhookCallError(f"unsupported patch type {quote(response.patch_type)}")
    return operations


def _is_same(before: Object | None, after: Object | None) -> bool:
    return before is after or (
        before is not None and after is not None and deep_equal(before, after)
    )
