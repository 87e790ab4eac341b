"""What clients see of roles and bindings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.unit.server.in_process import InProcess, server_in_process
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

RBAC = "/apis/rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"
MAPS = "/api/v1/namespaces/default/configmaps"
JANE = {"Impersonate-User": "jane"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[InProcess]:
    folder = tmp_path_factory.mktemp("server")
    async with server_in_process(folder, "--authorization-mode=Node,RBAC") as served:
        yield served


async def ask(
    api: InProcess, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    """Send a request with headers; return the status and the body."""
    content = {"json": body} if body is not None else {}
    async with api.session.request(method, api.url + path, headers=headers, **content) as response:
        return response.status, await response.json(content_type=None)


async def until(api: InProcess, status: int, path: str, headers: dict[str, str]) -> None:
    """Return when a GET has a status."""

    async def has_status() -> bool:
        return (await ask(api, "GET", path, **headers))[0] == status

    await eventually(has_status)


def role(name: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "rules": list(rules)}


def binding(name: str, user: str, kind: str = "Role") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name},
        "subjects": [{"kind": "User", "apiGroup": GROUP, "name": user}],
    }


READ = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}
ROLES, BINDINGS = f"{RBAC}/namespaces/default/roles", f"{RBAC}/namespaces/default/rolebindings"


async def test_a_binding_is_in_force_soon_and_no_longer_than_it_exists(api: InProcess) -> None:
    ruth = {"Impersonate-User": "ruth"}
    assert (await ask(api, "GET", MAPS, **ruth))[0] == 403
    assert (await ask(api, "POST", ROLES, role("r", READ)))[0] == 201
    assert (await ask(api, "POST", BINDINGS, binding("r", "ruth")))[0] == 201
    await until(api, 200, MAPS, ruth)
    assert (await ask(api, "DELETE", f"{BINDINGS}/r"))[0] == 200
    await until(api, 403, MAPS, ruth)


async def test_the_default_roles_are_there_when_the_server_is_ready(api: InProcess) -> None:
    hook = "/readyz/poststarthook/rbac/bootstrap-roles"
    assert (await api.ask("GET", hook)).status == 200
    defaults = "labelSelector=kubernetes.io/bootstrapping%3Drbac-defaults"
    status, listed = await ask(api, "GET", f"{RBAC}/clusterroles?{defaults}")
    assert (status, len(listed["items"])) == (200, 70)
    assert (await ask(api, "GET", "/api", **JANE))[0] == 200
    assert (await ask(api, "GET", "/metrics", **JANE))[0] == 403


async def test_nothing_is_granted_that_its_author_lacks(api: InProcess) -> None:
    author = {
        "apiGroups": [GROUP],
        "resources": ["roles", "rolebindings"],
        "verbs": ["get", "create", "update", "patch", "delete"],
    }
    await ask(api, "POST", ROLES, role("author", author, READ))
    await ask(api, "POST", BINDINGS, binding("author", "jane"))
    await until(api, 200, f"{ROLES}/author", JANE)
    assert (await ask(api, "POST", ROLES, role("fine", READ), **JANE))[0] == 201
    more = {**READ, "verbs": ["get", "delete"]}
    refused = (
        'user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions '
        'not currently held:\n{APIGroups:[""], Resources:["configmaps"], Verbs:["delete"]}'
    )
    for method, path, body in (
        ("POST", ROLES, role("more", more)),
        ("PUT", f"{ROLES}/fine", role("fine", more)),
        ("PUT", f"{ROLES}/new", role("new", more)),
        ("POST", f"{ROLES}?dryRun=All", role("more", more)),
    ):
        status, answer = await ask(api, method, path, body, **JANE)
        assert (status, refused in answer["message"]) == (403, True), (method, path)
    # Many rights are compared beside the requests of others.
    verbs = [f"v{number}" for number in range(5000)]
    status, answer = await ask(api, "POST", ROLES, role("v", {**READ, "verbs": verbs}), **JANE)
    assert (status, '"v0" "v1"' in answer["message"]) == (403, True)
    # What is too much to compare is refused, and quickly.
    many = [f"x{number}" for number in range(1000)]
    huge = {"apiGroups": many, "resources": many, "verbs": many}
    status, answer = await ask(api, "POST", ROLES, role("huge", huge), **JANE)
    assert (status, "too many to be compared" in answer["message"]) == (403, True)
    # The administrator may, and then jane may not bind it.
    assert (await ask(api, "POST", ROLES, role("huge", huge)))[0] == 201
    status, _ = await ask(api, "POST", BINDINGS, binding("huge", "jane"), **JANE)
    assert status == 403
    status, answer = await ask(api, "POST", BINDINGS, binding("gone", "jane"), **JANE)
    assert (status, answer["message"]) == (404, f'rolebindings.{GROUP} "gone" not found')


async def test_a_role_that_gathers_itself_holds_nothing_up(api: InProcess) -> None:
    selector = {"matchLabels": {"x": "y"}}
    cyclic = {
        "metadata": {"name": "cyclic", "labels": {"x": "y"}},
        "aggregationRule": {"clusterRoleSelectors": [selector]},
    }
    assert (await ask(api, "POST", f"{RBAC}/clusterroles", cyclic))[0] == 201
    bound = binding("cyclic", "joan", "ClusterRole")
    assert (await ask(api, "POST", f"{RBAC}/clusterrolebindings", bound))[0] == 201
    assert (await ask(api, "GET", MAPS, **{"Impersonate-User": "joan"}))[0] == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Impersonate-User": "system:node:"}, 403),
        ({"Impersonate-User": "a" * 4000}, 403),
        ({"Impersonate-User": "\u00e9\u00e9"}, 403),
        ({"Impersonate-User": "system:serviceaccount:::"}, 403),
        ({"Impersonate-User": "x", "Impersonate-Extra-": "y"}, 403),
        ({"Impersonate-User": "x", "Impersonate-Extra-%": "y"}, 403),
        ({"Impersonate-User": "x", "Impersonate-Extra-%ff%fe": "y"}, 403),
        ({"Impersonate-Group": "%"}, 400),
        ({"Authorization": "Bearer ..", "Impersonate-User": "x"}, 401),
        ({"Authorization": "Bearer e30.e30.e30"}, 401),
        ({"Authorization": "Bearer " + "a." * 2000}, 401),
    ],
)
async def test_odd_headers_are_refused(
    api: InProcess, headers: dict[str, str], status: int
) -> None:
    answer = await ask(api, "GET", MAPS, **headers)
    assert (answer[0], answer[1]["kind"]) == (status, "Status")


async def test_kubelets_read_what_their_pods_need(api: InProcess) -> None:
    kubelet = {"Impersonate-User": "system:node:n1", "Impersonate-Group": "system:nodes"}
    pod = {
        "metadata": {"name": "p"},
        "spec": {
            "nodeName": "n1",
            "containers": [
                {"name": "c", "image": "i", "envFrom": [{"configMapRef": {"name": "mine"}}]}
            ],
        },
    }
    await ask(api, "POST", "/api/v1/namespaces/default/serviceaccounts", {
        "metadata": {"name": "default"},
    })  # fmt: skip
    for name in ("mine", "other"):
        assert (await ask(api, "POST", MAPS, {"metadata": {"name": name}}))[0] == 201
    assert (await ask(api, "GET", f"{MAPS}/mine", **kubelet))[0] == 403
    assert (await ask(api, "POST", "/api/v1/namespaces/default/pods", pod))[0] == 201
    await until(api, 200, f"{MAPS}/mine", kubelet)
    status, answer = await ask(api, "GET", f"{MAPS}/other", **kubelet)
    assert status == 403
    assert answer["message"].endswith(": no relationship found between node 'n1' and this object")
    everywhere = "/api/v1/pods?fieldSelector=spec.nodeName%3D"
    assert (await ask(api, "GET", everywhere + "n1", **kubelet))[0] == 200
    assert (await ask(api, "GET", everywhere + "n2", **kubelet))[0] == 403


async def test_reviews_say_why(api: InProcess) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    body = {"spec": {"nonResourceAttributes": {"path": "/api", "verb": "get"}}}
    status, answer = await ask(api, "POST", path, body, **JANE)
    assert (status, answer["status"]) == (201, {
        "allowed": True,
        "reason": 'RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole '
        '"system:discovery" to Group "system:authenticated"',
    })  # fmt: skip
