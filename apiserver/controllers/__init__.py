"""What must happen after a write: controllers, clients of the API like any other."""
