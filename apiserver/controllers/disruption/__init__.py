"""Keeps the status of PodDisruptionBudgets."""
