"""Field ownership: which manager owns which field of an object.

Pure: no I/O and no clock. Each module imports only modules before it in this order:

elements -> fieldset -> managers -> atoms -> typed, validating -> merging, pruning -> ownership
-> managedfields, lastapplied, scale -> manager
"""
