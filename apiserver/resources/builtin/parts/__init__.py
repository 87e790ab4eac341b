"""Parts that several kinds share: the pod template with its parts, label selectors...

Each part defines its defaults and its rules, independent of the kind that contains it. A rule is a
function of a value and its path; it returns the errors in Kubernetes' order.
"""
