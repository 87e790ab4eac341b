"""kubectl apply, client-side and server-side, with diff, edit, replace, prune and kustomize."""

from __future__ import annotations

import json
from pathlib import Path

from tests.clients.conftest import ON_ETCD, Kubectl

pytestmark = ON_ETCD

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web, tier: front}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.27
        env: [{name: MODE, value: fast}, {name: LEVEL, value: "3"}]
        ports: [{containerPort: 80}]
"""
#: The same without a label, a variable and the number of replicas.
LESS = (
    WEB
    .replace(", tier: front", "")
    .replace(', {name: LEVEL, value: "3"}', "")
    .replace("  replicas: 2\n", "")
)  # fmt: skip
CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}, labels: {{set: {set}}}}}
data: {{colour: {colour}}}
"""
VARIABLES = "jsonpath={.spec.template.spec.containers[0].env[*].name}"
REPLICAS = "jsonpath={.spec.replicas}"


def config_map(name: str, colour: str = "red", of: str = "ours") -> str:
    return CONFIG.format(name=name, colour=colour, set=of)


def managers(kubectl: Kubectl, kind: str, name: str) -> list[tuple[str, str]]:
    found = kubectl.stored(kind, name)
    return [(each["manager"], each["operation"]) for each in found["metadata"]["managedFields"]]


def edit_with(kubectl: Kubectl, directory: Path, *commands: str) -> Path:
    """Make ``kubectl edit`` run commands of sed on what it shows; return where that is kept."""
    script, shown = directory / "editor", directory / "shown"
    edits = " ".join(f"-e '{command}'" for command in commands)
    script.write_text(f'#!/bin/sh\ncp "$1" {shown}\nexec sed -i {edits} "$1"\n')
    script.chmod(0o755)
    kubectl.environment["KUBE_EDITOR"] = str(script)
    return shown


def test_what_is_no_longer_applied_is_removed_and_what_others_set_is_kept(
    kubectl: Kubectl,
) -> None:
    assert kubectl("apply", "-f", "-", stdin=WEB) == "deployment.apps/web created\n"
    assert kubectl("apply", "-f", "-", stdin=WEB) == "deployment.apps/web unchanged\n"
    kubectl("label", "deployment", "web", "owner=ann")
    assert kubectl("apply", "-f", "-", stdin=LESS) == "deployment.apps/web configured\n"
    web = kubectl.stored("deployment", "web")
    assert web["metadata"]["labels"] == {"app": "web", "owner": "ann"}
    assert kubectl("get", "deployment", "web", "-o", VARIABLES) == "MODE"
    # Replicas have a default, which stands where nobody says how many.
    assert web["spec"]["replicas"] == 1
    last = json.loads(web["metadata"]["annotations"][LAST_APPLIED])
    assert "replicas" not in last["spec"]
    shown = json.loads(kubectl("apply", "view-last-applied", "deployment/web", "-o", "json"))
    assert shown == last
    assert ("kubectl-client-side-apply", "Update") in managers(kubectl, "deployment", "web")


def test_the_server_applies_names_who_is_in_the_way_and_yields_to_force(
    kubectl: Kubectl,
) -> None:
    apply = ("apply", "--server-side", "-f", "-")
    assert kubectl(*apply, stdin=WEB) == "deployment.apps/web serverside-applied\n"
    version = kubectl.stored("deployment", "web")["metadata"]["resourceVersion"]
    kubectl(*apply, stdin=WEB)
    assert kubectl.stored("deployment", "web")["metadata"]["resourceVersion"] == version
    other = WEB.replace("replicas: 2", "replicas: 5").replace("1.27", "1.28")
    complaint = kubectl.refused(*apply, "--field-manager=robot", stdin=other)
    assert "Apply failed with 2 conflicts: conflicts with" in complaint
    assert '"kubectl":' in complaint
    assert "- .spec.replicas" in complaint
    assert '- .spec.template.spec.containers[name="web"].image' in complaint
    assert kubectl("get", "deployment", "web", "-o", REPLICAS) == "2"
    kubectl(*apply, "--field-manager=robot", "--force-conflicts", stdin=other)
    assert kubectl("get", "deployment", "web", "-o", REPLICAS) == "5"
    # Now they are the robot's; its own manifest can give them up again.
    assert "conflict" in kubectl.refused(*apply, stdin=WEB)
    kubectl(*apply, stdin=LESS.replace("        image: nginx:1.27\n", ""))
    assert kubectl("get", "deployment", "web", "-o", REPLICAS) == "5"
    assert kubectl("get", "deployment", "web", "-o", VARIABLES) == "MODE LEVEL"
    assert sorted(managers(kubectl, "deployment", "web")) == [
        ("kubectl", "Apply"),
        ("robot", "Apply"),
    ]


def test_an_object_moves_from_one_form_of_apply_to_the_other_and_back(
    kubectl: Kubectl,
) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)
    kubectl("apply", "--server-side", "-f", "-", stdin=LESS)
    web = kubectl.stored("deployment", "web")
    # Nothing of what the first form had set stands in the way, nor is it left behind.
    assert web["metadata"]["labels"] == {"app": "web"}
    assert kubectl("get", "deployment", "web", "-o", VARIABLES) == "MODE"
    owners = managers(kubectl, "deployment", "web")
    assert ("kubectl", "Apply") in owners
    assert ("kubectl-client-side-apply", "Update") not in owners
    # The annotation of the first form is kept up, so that one can go back.
    last = json.loads(web["metadata"]["annotations"][LAST_APPLIED])
    assert "tier" not in last["metadata"]["labels"]
    kubectl("apply", "-f", "-", stdin=WEB)
    assert kubectl("get", "deployment", "web", "-o", VARIABLES) == "MODE LEVEL"


def test_a_diff_shows_what_apply_would_change_and_changes_nothing(kubectl: Kubectl) -> None:
    for form in ((), ("--server-side",)):
        kubectl("apply", *form, "-f", "-", stdin=WEB)
        before = kubectl.stored("deployment", "web")
        assert kubectl("diff", *form, "-f", "-", stdin=WEB) == ""
        changed = kubectl.run("diff", *form, "-f", "-", stdin=WEB.replace("1.27", "1.28"))
        assert changed.returncode == 1, changed.stderr
        assert "-      - image: nginx:1.27\n" not in changed.stdout
        assert "-        image: nginx:1.27\n+        image: nginx:1.28\n" in changed.stdout
        assert "-  generation: 1\n+  generation: 2\n" in changed.stdout
        assert kubectl.stored("deployment", "web") == before
        kubectl("delete", "deployment", "web")


def test_a_diff_of_what_is_not_there_shows_all_of_it(kubectl: Kubectl) -> None:
    done = kubectl.run("diff", "-f", "-", stdin=config_map("new"))
    assert done.returncode == 1
    assert "+  colour: red\n" in done.stdout
    assert "not found" in kubectl.refused("get", "configmap", "new")


def test_an_object_is_edited_and_a_bad_edit_comes_back_with_the_reason(
    kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl("create", "-f", "-", stdin=WEB)
    edit_with(kubectl, tmp_path, "s/nginx:1.27/nginx:1.28/", "s/replicas: 2/replicas: 4/")
    assert kubectl("edit", "deployment", "web") == "deployment.apps/web edited\n"
    web = kubectl.stored("deployment", "web")
    assert web["spec"]["replicas"] == 4
    assert web["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.28"
    assert ("kubectl-edit", "Update") in managers(kubectl, "deployment", "web")
    shown = edit_with(kubectl, tmp_path, "s/replicas: 4/replicas: -4/")
    assert 'deployments.apps "web" is invalid' in kubectl.refused("edit", "deployment", "web")
    told = shown.read_text()
    assert '# deployments.apps "web" was not valid:\n' in told
    assert "# * spec.replicas: Invalid value: -4: must be greater than or equal to 0\n" in told
    edit_with(kubectl, tmp_path, "s/no such text//")
    assert "Edit cancelled, no changes made" in kubectl.run("edit", "deployment", "web").stderr


def test_replace_takes_the_whole_and_knows_what_it_replaces(
    kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl("create", "-f", "-", stdin=WEB)
    first = kubectl.stored("deployment", "web")
    assert kubectl("replace", "-f", "-", stdin=LESS) == "deployment.apps/web replaced\n"
    web = kubectl.stored("deployment", "web")
    assert web["metadata"]["labels"] == {"app": "web"}
    assert web["metadata"]["uid"] == first["metadata"]["uid"]
    stale = kubectl.refused("replace", "-f", "-", stdin=json.dumps(first))
    assert "the object has been modified; please apply your changes to the latest" in stale
    manifest = tmp_path / "web.yaml"
    manifest.write_text(WEB.replace("matchLabels: {app: web}", "matchLabels: {app: w}"))
    refused = kubectl.refused("replace", "-f", str(manifest))
    assert "`selector` does not match template `labels`" in refused
    manifest.write_text(WEB.replace("app: web", "app: w"))
    assert "field is immutable" in kubectl.refused("replace", "-f", str(manifest))
    kubectl("replace", "--force", "-f", str(manifest))
    again = kubectl.stored("deployment", "web")
    assert again["spec"]["selector"]["matchLabels"] == {"app": "w"}
    assert again["metadata"]["uid"] != first["metadata"]["uid"]
    assert "not found" in kubectl.refused("replace", "-f", "-", stdin=config_map("absent"))


def test_what_is_applied_no_more_is_pruned(kubectl: Kubectl) -> None:
    kept, gone, other = config_map("kept"), config_map("gone"), config_map("other", of="theirs")
    kubectl("apply", "-f", "-", stdin="\n---\n".join([kept, gone, other]))
    kubectl("create", "-f", "-", stdin=config_map("created"))
    prune = ("apply", "--prune", "--selector=set=ours", "--prune-allowlist=core/v1/ConfigMap")
    done = kubectl(*prune, "-f", "-", stdin=kept)
    assert done == "configmap/kept unchanged\nconfigmap/gone pruned\n"
    left = kubectl("get", "configmaps", "-o", "name").split()
    # What was never applied is nobody's to prune.
    assert left == ["configmap/created", "configmap/kept", "configmap/other"]


def test_a_dry_run_on_the_server_does_everything_but_store(kubectl: Kubectl) -> None:
    dry = "--dry-run=server"
    shown = kubectl.json("create", "configmap", "dry", "--from-literal=k=v", dry)
    assert shown["data"] == {"k": "v"}
    assert shown["metadata"]["uid"]
    assert "resourceVersion" not in shown["metadata"]
    assert "not found" in kubectl.refused("get", "configmap", "dry")
    applied = kubectl("apply", dry, "-f", "-", stdin=WEB)
    assert applied == "deployment.apps/web created (server dry run)\n"
    bad = WEB.replace("replicas: 2", "replicas: -2")
    assert "must be greater than or equal to 0" in kubectl.refused(
        "apply", dry, "-f", "-", stdin=bad
    )
    kubectl("apply", "-f", "-", stdin=WEB)
    before = kubectl.stored("deployment", "web")
    kubectl("scale", "deployment/web", "--replicas=9", dry)
    kubectl("set", "image", "deployment/web", "web=other", dry)
    kubectl("label", "deployment", "web", "a=b", dry)
    kubectl("apply", "--server-side", dry, "--field-manager=robot", "-f", "-", stdin=WEB)
    kubectl("delete", "deployment", "web", dry)
    assert kubectl.stored("deployment", "web") == before


def test_unknown_and_repeated_fields_are_refused_warned_of_or_ignored(
    kubectl: Kubectl,
) -> None:
    odd = config_map("odd").replace("\ndata:", "\ndato: {a: b}\ndata:")
    refused = kubectl.refused("apply", "-f", "-", stdin=odd)
    assert 'strict decoding error: unknown field "dato"' in refused
    warned = kubectl.run("apply", "--validate=warn", "-f", "-", stdin=odd)
    assert warned.returncode == 0
    assert 'Warning: unknown field "dato"' in warned.stderr
    kubectl("delete", "configmap", "odd")
    ignored = kubectl.run("apply", "--validate=ignore", "-f", "-", stdin=odd)
    assert (ignored.returncode, ignored.stderr) == (0, "")
    nested = WEB.replace("nginx:1.27", "nginx:1.27\n        imagePolicy: Always")
    refused = kubectl.refused("apply", "--server-side", "-f", "-", stdin=nested)
    assert '.containers[name="web"].imagePolicy: field not declared in schema' in refused
    nope = config_map("x").replace("ConfigMap", "Nope")
    assert 'no matches for kind "Nope" in version "v1"' in kubectl.refused(
        "apply", "-f", "-", stdin=nope
    )


def test_a_list_is_created_item_by_item_and_all_that_fails_is_told(kubectl: Kubectl) -> None:
    one = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
    many = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "many-"}}
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": [one, many, many, one]})
    done = kubectl.run("create", "-f", "-", stdin=listed)
    assert done.returncode == 1
    assert 'configmaps "one" already exists' in done.stderr
    names = kubectl("get", "configmaps", "-o", "name").split()
    assert [name[:15] for name in names] == ["configmap/many-", "configmap/many-", "configmap/one"]
    copied = kubectl("get", "configmaps", "-o", "yaml")
    assert kubectl("replace", "-f", "-", stdin=copied).count("replaced") == 3


def test_a_kustomization_is_built_applied_compared_and_deleted(
    kubectl: Kubectl, tmp_path: Path
) -> None:
    directory = tmp_path / "overlay"
    directory.mkdir()
    (directory / "web.yaml").write_text(WEB)
    (directory / "kustomization.yaml").write_text(
        "namePrefix: dev-\n"
        "resources: [web.yaml]\n"
        "configMapGenerator: [{name: settings, literals: [colour=blue]}]\n"
    )
    here = ("-k", str(directory))
    built = kubectl("kustomize", str(directory))
    assert "name: dev-web\n" in built
    assert kubectl("apply", *here).count("created") == 2
    assert kubectl("diff", *here) == ""
    assert kubectl("get", *here, "-o", "name").split()[-1] == "deployment.apps/dev-web"
    assert "configmap/dev-settings-" in kubectl("get", "configmaps", "-o", "name")
    kubectl("delete", *here)
    assert kubectl("get", "configmaps,deployments", "-o", "name") == ""
