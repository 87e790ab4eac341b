"""Kinds of the group apps: workloads that keep Pods running."""
