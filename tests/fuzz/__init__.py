"""A fuzzer: requests that are almost right, to a server that must answer each of them."""
