"""A Kubernetes API server. Start reading at `apiserver.registry`."""
