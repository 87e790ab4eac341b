"""API machinery: values and their rules. No I/O, no async, no imports from other packages."""
