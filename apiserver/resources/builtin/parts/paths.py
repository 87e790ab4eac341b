"""Paths of files inside of volumes and containers."""

from __future__ import annotations

from apiserver.machinery.fielderrors import FieldError, invalid


def climbs(target: str) -> bool:
    """Return whether a path has an element ``..``."""
    return ".." in target and ".." in target.split("/")


def validate_no_backsteps(target: str, path: str) -> list[FieldError]:
    """Reject a path with an element ``..``."""
    return [invalid(path, target, "must not contain '..'")] if climbs(target) else []


def validate_descending_path(target: str, path: str) -> list[FieldError]:
    """Reject a path that is absolute or has an element ``..``."""
    errors = []
    if target.startswith("/"):
        errors.append(invalid(path, target, "must be a relative path"))
    return errors + validate_no_backsteps(target, path)


def validate_local_path(target: str, path: str) -> list[FieldError]:
    """Reject a path that leaves its folder or begins with the reserved prefix."""
    errors = validate_descending_path(target, path)
    # A path that begins with an element ".." has been refused already.
    if target.startswith("..") and not target.startswith("../"):
        errors.append(invalid(path, target, "must not start with '..'"))
    return errors
