"""Conformance tests for any running server of the Kubernetes API.

::

    pytest --pyargs apiserver.testing.conformance --kubeconfig ~/.kube/config

The tests know a URL and an administrator's credentials, and nothing of the server behind it. They
work in namespaces of their own, and remove what they make outside of these. Each module is a
feature; the table at the end counts its tests. What a server does not serve is skipped.

Nothing here tests words that differ between the versions of Kubernetes from 1.27 on, nor what only
the controllers of a cluster do: they may run or not.
"""
