"""The client interface by which parts of the server read and write objects."""
