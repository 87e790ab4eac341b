"""The semantics of each verb. No HTTP below this layer, no bytes of the store above it.

`create`, `update` and `delete` express a change; only `write` commits one.
"""
