"""Who owns which field. Pure: no I/O, no clock; each module stands only on those before it.

elements -> fieldset -> managers -> atoms -> typed, validating -> merging, pruning -> ownership
-> managedfields, lastapplied, scale -> manager
"""
