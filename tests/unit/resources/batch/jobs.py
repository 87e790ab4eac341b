"""A Job and parts of specs for tests."""

from __future__ import annotations

from tests.unit.resources.writing import Kind

KIND = Kind("batch/v1", "Job")
POD = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}
JOB = {"metadata": {"name": "a"}, "spec": {"template": {"spec": POD}}}
INDEXED = {"completionMode": "Indexed", "completions": 5}


def failing(**rule: object) -> dict:
    return {"podFailurePolicy": {"rules": [rule]}}


def succeeding(*rules: dict) -> dict:
    return {**INDEXED, "successPolicy": {"rules": list(rules)}}
