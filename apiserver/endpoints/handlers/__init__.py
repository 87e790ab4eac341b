"""One module per verb: read the request, call the registry, write the response."""
