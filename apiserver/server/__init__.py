"""The process: configuration, wiring, sockets, workers."""
