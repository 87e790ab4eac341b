"""The kinds that the server serves, and the behaviour of each."""
