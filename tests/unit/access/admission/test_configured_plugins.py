"""What the plugins do that have configurations of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apiserver.access.admission.admission_configuration import (
    AdmissionSettings,
    load_admission_settings,
)
from apiserver.access.admission.chain import CREATE, UPDATE
from apiserver.access.admission.enabled_plugins import PluginDependencies, build_plugins
from apiserver.access.admission.plugins.event_rate_limit import EventLimit, EventRateLimit
from apiserver.access.admission.plugins.image_policy_webhook import (
    ImagePolicyWebhook,
    ImageReviews,
)
from apiserver.access.admission.plugins.pod_toleration_restriction import TolerationSettings
from apiserver.access.configuration_files import ConfigurationError
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.builtin_resources import EVENTS, NAMESPACES, NODES, PODS
from apiserver.machinery.objects import Object
from apiserver.machinery.times import Clock
from tests.unit.access.admission.admitting import Admission, build_dependencies, named

FORBIDDEN = 'pods "p" is forbidden: '


def pod(**spec: Any) -> Object:
    return named("p", spec={"containers": [], **spec})


def namespace(**annotations: str) -> Object:
    keys = {
        f"scheduler.alpha.kubernetes.io/{k.replace('_', '-')}": v for k, v in annotations.items()
    }
    return {"metadata": {"name": "ns", "annotations": keys}}


def admission(name: str, *objects: Any, **settings: Any) -> Admission:
    dependencies: PluginDependencies = replace(build_dependencies(), **settings)
    return Admission(build_plugins([name], dependencies), *objects)


@pytest.mark.parametrize(
    ("annotation", "selectors", "own", "expected"),
    [
        (None, {"clusterDefaultNodeSelector": "a=1"}, {}, {"a": "1"}),
        ("b=2", {"clusterDefaultNodeSelector": "a=1"}, {}, {"b": "2"}),
        ("", {"clusterDefaultNodeSelector": "a=1"}, {"c": "3"}, {"c": "3"}),
        ("a=1", {"ns": "a=1,b=2"}, {"b": "2"}, {"a": "1", "b": "2"}),
        ("a=1", {"ns": "b=2"}, {}, "labels conflict with its namespace whitelist"),
        (None, {"ns": "b=2"}, {"b": "3"}, "labels conflict with its namespace whitelist"),
        (None, {"ns": "b"}, {}, "invalid selector: [b]"),
        ("a =b c", {}, {}, '[a]: Invalid value: "b c": a valid label must be an empty string or'),
        ("a!=b", {}, {}, '<nil>: Invalid value: "a!": name part must consist of'),
    ],
)
async def test_node_selectors(
    annotation: str | None, selectors: dict[str, str], own: dict[str, str], expected: Any
) -> None:
    of = namespace() if annotation is None else namespace(node_selector=annotation)
    selecting = admission("PodNodeSelector", (NAMESPACES, of), node_selectors=selectors)
    result, _ = await selecting.admit(PODS, pod(nodeSelector=own))
    if isinstance(expected, str):
        assert expected in result
    else:
        assert result["spec"]["nodeSelector"] == expected


EXISTS = {"key": "a", "operator": "Exists"}
EQUAL = {"key": "a", "operator": "Equal", "value": "1", "effect": "NoSchedule"}
PRESSURE = {
    "key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"
}  # fmt: skip
LIMITED = [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]
CONFLICT = (
    "pod tolerations (possibly merged with namespace default tolerations) conflict with its "
    "namespace whitelist"
)


@pytest.mark.parametrize(
    ("annotations", "settings", "spec", "expected"),
    [
        ({"defaultTolerations": json.dumps([EQUAL])}, {}, {}, [EQUAL]),
        ({}, {"default": [EQUAL]}, {}, [EQUAL]),
        ({"defaultTolerations": ""}, {"default": [EQUAL]}, {}, None),
        # One that covers another one replaces it.
        ({}, {"default": [EQUAL]}, {"tolerations": [EXISTS]}, [EXISTS]),
        ({}, {"default": [EXISTS]}, {"tolerations": [EQUAL]}, [EXISTS]),
        ({}, {"default": [EQUAL]}, {"tolerations": [EQUAL]}, [EQUAL]),
        ({}, {}, {"containers": LIMITED}, [PRESSURE]),
        ({}, {"allowed": [EXISTS]}, {"tolerations": [EQUAL]}, [EQUAL]),
        ({}, {"allowed": [EQUAL]}, {"tolerations": [EXISTS]}, CONFLICT),
        ({"tolerationsWhitelist": ""}, {"allowed": [EQUAL]}, {"tolerations": [EXISTS]}, [EXISTS]),
        ({"tolerationsWhitelist": json.dumps([EQUAL])}, {"default": [EXISTS]}, {}, CONFLICT),
        ({"defaultTolerations": "{}"}, {}, {}, "cannot unmarshal object into Go value of type"),
        ({"defaultTolerations": "x"}, {}, {}, "invalid character 'x' looking for beginning"),
    ],
)
async def test_tolerations(
    annotations: dict[str, str], settings: dict[str, Any], spec: dict[str, Any], expected: Any
) -> None:
    tolerating = admission(
        "PodTolerationRestriction",
        (NAMESPACES, namespace(**annotations)),
        tolerations=TolerationSettings(**settings),
    )
    result, _ = await tolerating.admit(PODS, pod(**spec))
    if isinstance(expected, str):
        assert expected in result
    else:
        assert result["spec"].get("tolerations") == expected


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ({"operator": "Exists"}, EQUAL, True),
        ({"key": "a", "operator": "Exists", "effect": "NoExecute"}, EQUAL, False),
        ({**EXISTS, "effect": "NoExecute", "tolerationSeconds": 5},
         {**EXISTS, "effect": "NoExecute", "tolerationSeconds": 5, "value": ""}, True),
        ({**EXISTS, "effect": "NoExecute", "tolerationSeconds": 5},
         {**EXISTS, "effect": "NoExecute"}, False),
        ({"key": "a", "value": "1"}, EQUAL, True),
        ({"key": "a", "value": "2"}, EQUAL, False),
        ({"key": "a", "value": "1"}, {"key": "a", "value": "1", "effect": "NoSchedule"}, False),
    ],
)  # fmt: skip
async def test_covering_tolerations(wide: Any, narrow: Any, covered: bool) -> None:
    settings = TolerationSettings(allowed=[wide])
    allowing = admission(
        "PodTolerationRestriction", (NAMESPACES, namespace()), tolerations=settings
    )
    document = pod(tolerations=[narrow])
    result, _ = await allowing.admit(PODS, document, UPDATE, old=document)
    assert result == (document if covered else CONFLICT)


class Now(Clock):
    """A clock that stands."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def event(component: str = "kubelet", about: str = "a") -> Object:
    return named("e", source={"component": component}, involvedObject={"name": about})


async def test_events_are_limited() -> None:
    clock = Now()
    limits = [EventLimit("Server", 1, 2), EventLimit("SourceAndObject", 1, 1, cache_size=1)]
    limiting = Admission([EventRateLimit(limits, clock)])
    assert not isinstance((await limiting.admit(EVENTS, event()))[0], str)
    # Each limit counts, and says so.
    assert (await limiting.admit(EVENTS, event()))[0] == (
        "Too many requests: limit reached on type SourceAndObject for key kubeleta"
    )
    assert (await limiting.admit(EVENTS, event()))[0] == (
        "Too many requests: [limit reached on type Server for key , "
        "limit reached on type SourceAndObject for key kubeleta]"
    )
    clock.seconds += 1
    assert not isinstance((await limiting.admit(EVENTS, event()))[0], str)
    clock.seconds += 1
    # The bucket of the other object takes the place of the first one.
    assert not isinstance((await limiting.admit(EVENTS, event(about="b")))[0], str)
    clock.seconds += 0.5
    assert "type Server" in (await limiting.admit(EVENTS, event()))[0]


class Reviewer:
    """A webhook for images."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    async def review(self, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(spec)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("answer", "default_allow", "refusal"),
    [
        ({"allowed": True}, False, ""),
        ({}, True, "one or more images rejected by webhook backend"),
        (
            {"allowed": False, "reason": "too old"},
            True,
            "image policy webhook backend denied one or more images: too old",
        ),
        (WebhookError("no route"), False, "no route"),
        (WebhookError("no route"), True, ""),
        ({"allowed": "yes"}, False, "the status of the review has members of other types"),
    ],
)
async def test_image_policies(answer: Any, default_allow: bool, refusal: str) -> None:
    reviewer = Reviewer(answer)
    reviews = ImageReviews(reviewer, 60, 60, default_allow=default_allow)
    document = pod(
        containers=[{"name": "a", "image": "x"}], initContainers=[{"name": "b", "image": "y"}]
    )
    document["metadata"]["annotations"] = {"it.image-policy.k8s.io/ticket": "1", "other": "2"}
    asking = Admission([ImagePolicyWebhook(reviews)])
    result, _ = await asking.admit(PODS, document)
    assert result == (FORBIDDEN + refusal if refusal else document)
    assert reviewer.asked == [
        {
            "containers": [{"image": "x"}, {"image": "y"}],
            "annotations": {"it.image-policy.k8s.io/ticket": "1"},
            "namespace": "ns",
        }
    ]
    if (
        not isinstance(answer, Exception)
        and refusal != "the status of the review has members of other types"
    ):
        assert (await asking.admit(PODS, document))[0] == result
        assert len(reviewer.asked) == 1
    await reviews.close()


async def test_images_of_ephemeral_containers_are_reviewed_alone() -> None:
    reviewer = Reviewer({"allowed": True})
    reviews = ImageReviews(reviewer, 0, 0, default_allow=False)
    document = pod(ephemeralContainers=[{"name": "d", "image": "z"}])
    await Admission([ImagePolicyWebhook(reviews)]).admit(
        PODS, document, UPDATE, old=document, subresource="ephemeralcontainers"
    )
    assert reviewer.asked == [{"containers": [{"image": "z"}], "namespace": "ns"}]
    await reviews.close()


def resized(cpu: str, memory: str = "0", generation: int = 2, **spec: Any) -> Object:
    container = {"name": "c", "resources": {"requests": {"cpu": cpu, "memory": memory}}}
    document = named("p", spec={"nodeName": "n", "containers": [container], **spec})
    document["metadata"]["generation"] = generation
    return document


def initial(cpu: str, **container: Any) -> Object:
    resources = {"requests": {"cpu": cpu}}
    return resized("1", initContainers=[{"name": "i", "resources": resources, **container}])


@pytest.mark.parametrize(
    ("old", "new", "declared", "refusal"),
    [
        (initial("1"), initial("1"), None, ""),
        (initial("1", restartPolicy="Always"), initial("2", restartPolicy="Always"), None, ""),
        (resized("1"), resized("2"), None, ""),
        (initial("1"), initial("2"), None, 'node "n" not found'),
        (initial("1"), initial("2"), ["InPlacePodVerticalScalingInitContainers"], ""),
        (
            initial("1"),
            resized("1", **initial("2")["spec"], resources={"limits": {"cpu": "2"}}),
            [],
            "pod update requires features InPlacePodLevelResourcesVerticalScaling, "
            'InPlacePodVerticalScalingInitContainers which are not available on node "n"',
        ),
    ],
)
@pytest.mark.parametrize("subresource", ["", "resize"])
async def test_declared_features(
    old: Object, new: Object, declared: list[str] | None, refusal: str, subresource: str
) -> None:
    node = {"metadata": {"name": "n"}, "status": {"declaredFeatures": declared}}
    nodes = [] if declared is None else [(NODES, node)]
    validating = admission("NodeDeclaredFeatureValidator", *nodes)
    result, _ = await validating.admit(PODS, new, UPDATE, old=old, subresource=subresource)
    assert result == (FORBIDDEN + refusal if refusal else new)


EXCEEDED = "Node didn't have enough allocatable resources: "


@pytest.mark.parametrize(
    ("new", "system", "refusal"),
    [
        (resized("2"), "linux", ""),
        (resized("9", generation=1), "linux", ""),
        (resized("9", nodeName=""), "linux", ""),
        (resized("9", nodeName="m"), "linux", 'node "m" not found'),
        (resized("2500m"), "linux", EXCEEDED + "cpu, requested: 2500, allocatable: 2000"),
        (
            resized("2", overhead={"cpu": "1m", "memory": "2Ki"}),
            "windows",
            EXCEEDED + "cpu, requested: 2001, allocatable: 2000; "
            "memory, requested: 2048, allocatable: 1024",
        ),
        (
            resized("2"),
            "windows",
            'pod resize is only supported on linux nodes, node "n" is "windows"',
        ),
    ],
)
async def test_sizes_that_a_node_cannot_give(new: Object, system: str, refusal: str) -> None:
    node = {
        "metadata": {"name": "n", "labels": {"kubernetes.io/os": system}},
        "status": {"allocatable": {"cpu": "2", "memory": "1Ki"}},
    }
    validating = admission("PodResizeValidator", (NODES, node))
    old = resized("1", generation=1)
    result, _ = await validating.admit(PODS, new, UPDATE, old=old, subresource="resize")
    assert result == (FORBIDDEN + refusal if refusal else new)


async def test_pull_policies_that_others_change_are_refused() -> None:
    containers = [{"name": n, "image": n, "imagePullPolicy": "Never"} for n in "ab"]
    document = pod(containers=containers, initContainers=containers[:1])
    (pulling,) = build_plugins(["AlwaysPullImages"], build_dependencies())

    class Other:
        """Changes the policies back."""

        name = "other"

        def handles(self, *_: Any) -> bool:
            return True

        def mutate(self, *_: Any) -> Object:
            return document

    reason = 'Unsupported value: "Never": supported values: "Always"'
    refusal = f"{FORBIDDEN}spec.%s.imagePullPolicy: {reason}"
    parts = ("initContainers[0]", "containers[0]", "containers[1]")
    result, _ = await Admission([pulling, Other()]).admit(PODS, document, CREATE)
    assert result == f"[{', '.join(refusal % part for part in parts)}]"


def write(directory: Path, name: str, configuration: Any) -> Path:
    path = directory / "admission.yaml"
    plugins = [{"name": name, "configuration": configuration}]
    header = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration"}
    path.write_text(json.dumps({**header, "plugins": plugins}))
    return path


LIMITS = {"apiVersion": "eventratelimit.admission.k8s.io/v1alpha1", "kind": "Configuration"}
TOLERATIONS = {
    "apiVersion": "podtolerationrestriction.admission.k8s.io/v1alpha1", "kind": "Configuration"
}  # fmt: skip


def test_configurations_are_loaded(tmp_path: Path) -> None:
    limit = {"type": "User", "qps": 5, "burst": 10}
    path = write(tmp_path, "EventRateLimit", {**LIMITS, "limits": [limit]})
    assert load_admission_settings(path).event_limits == [EventLimit("User", 5, 10, 4096)]
    path = write(tmp_path, "PodTolerationRestriction", {**TOLERATIONS, "whitelist": [EXISTS]})
    assert load_admission_settings(path).tolerations.allowed == [EXISTS]
    path = write(tmp_path, "PodNodeSelector", {"podNodeSelectorPluginConfig": {"ns": "a=b"}})
    assert load_admission_settings(path).node_selectors == {"ns": "a=b"}
    context = {"cluster": "c"}
    kubeconfig = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": context}],
        "clusters": [{"name": "c", "cluster": {"server": "https://images.example.com/policy"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
    policy = {"kubeConfigFile": "kubeconfig", "allowTTL": 50, "denyTTL": -1}
    path = write(tmp_path, "ImagePolicyWebhook", {"imagePolicy": policy})
    found = load_admission_settings(path).image_policy
    assert found is not None
    assert found.connection.server.url == "https://images.example.com/policy"
    times = found.allow_ttl, found.deny_ttl, found.first_pause, found.default_allow
    assert times == (50, 0, 0.5, False)


@pytest.mark.parametrize(
    ("name", "configuration", "problem"),
    [
        ("EventRateLimit", LIMITS, "limits: Invalid value: null: must not be empty"),
        (
            "EventRateLimit",
            {**LIMITS, "limits": [{"type": "All", "qps": 1, "cacheSize": -1}]},
            'limits[0].type: Unsupported value: "All": supported values: "Namespace", "Server", '
            '"SourceAndObject", "User", limits[0].burst: Invalid value: 0: must be positive, '
            "limits[0].cacheSize: Invalid value: -1: must not be negative",
        ),
        ("ImagePolicyWebhook", {"imagePolicy": {"allowTTL": 1801}}, "is between 1s and 30m0s, got"),
        ("ImagePolicyWebhook", None, "no config specified"),
    ],
)
def test_configurations_that_are_refused(
    tmp_path: Path, name: str, configuration: Any, problem: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_admission_settings(write(tmp_path, name, configuration))
    assert problem in str(caught.value)


@pytest.mark.parametrize("name", ["EventRateLimit", "ImagePolicyWebhook"])
def test_some_plugins_need_a_configuration(name: str) -> None:
    AdmissionSettings().check(["PodNodeSelector"])
    with pytest.raises(ConfigurationError, match=f'plugin "{name}": no config specified'):
        AdmissionSettings().check([name])
