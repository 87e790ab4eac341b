"""Encryption at rest, in the stored form of kube-apiserver.

A value is preceded by who can decrypt it: ``k8s:enc:aesgcm:v1:KEY:`` for example. The providers of
a resource are tried in their order, and the first one encrypts. What another provider or key has
encrypted is stale: an update that changes nothing writes it again.
"""
