"""Parts that several kinds share: the pod template and what it is made of, label selectors...

Each part knows its defaults and its rules, never the kind that it stands in. A rule is a function
of a value and of the path where the value stands; it returns what is wrong, in Kubernetes' order.
"""
