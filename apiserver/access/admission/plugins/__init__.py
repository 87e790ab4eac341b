"""One module per admission plugin."""
