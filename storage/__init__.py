"""Revisioned keys and values. Knows nothing of Kubernetes and nothing of HTTP."""
