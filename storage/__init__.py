"""Revisioned keys and values. This package depends on neither Kubernetes nor HTTP."""
