"""The process: configuration, assembly, sockets, worker processes."""
