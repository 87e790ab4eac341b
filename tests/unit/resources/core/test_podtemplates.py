"""PodTemplates."""

from __future__ import annotations

from tests.unit.resources.writing import Kind, merged

KIND = Kind("v1", "PodTemplate")
TEMPLATE = {
    "metadata": {"name": "a"},
    "template": {
        "metadata": {"labels": {"app": "a"}},
        "spec": {"containers": [{"name": "c", "image": " nginx"}]},
    },
}


def test_a_template_gets_the_defaults_of_templates() -> None:
    made = KIND.create(TEMPLATE)
    assert made.errors == []
    assert made.generation == 1
    spec = made.object["template"]["spec"]
    assert spec["restartPolicy"] == "Always"
    assert "enableServiceLinks" not in spec
    assert KIND.cells(made) == ["a", "c", " nginx", "app=a"]


def test_the_mistakes_of_a_template_are_told() -> None:
    document = merged(
        TEMPLATE,
        template={
            "metadata": {"labels": {"app": "-"}},
            "spec": {
                "containers": [{"name": "c"}],
                "ephemeralContainers": [{"name": "e", "image": "i"}],
            },
        },
    )
    errors = KIND.create(document).errors
    assert errors[0].startswith('template.labels: Invalid value: "-": a valid label must')
    assert errors[1:] == [
        "template.spec.containers[0].image: Required value",
        "template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod "
        "template",
    ]


def test_a_change_of_the_template_counts_and_is_warned_of() -> None:
    old = KIND.create(TEMPLATE)
    assert KIND.update(old, old.object).generation == 1
    spec = {"nodeSelector": {"beta.kubernetes.io/arch": "arm"}}
    made = KIND.update(old, merged(old.object, template={"spec": spec}))
    assert made.generation == 2
    assert made.warnings == [
        "template.spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use "
        '"kubernetes.io/arch" instead'
    ]
