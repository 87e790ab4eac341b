"""What each verb means. No HTTP above this door, no bytes below it.

`create`, `update` and `delete` are ways of wanting a change; `write` is the only way of making one.
"""
