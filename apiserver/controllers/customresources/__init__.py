"""The lifecycle of CustomResourceDefinitions: names, establishment, conditions, deletion.

In Kubernetes these controllers belong to the API server, so they run whatever ``--controllers``
says, and on every server. Each write carries uid and resourceVersion: of several servers one
succeeds, and the others find that nothing is left to do.
"""
