"""Controllers that write the Endpoints and EndpointSlices of Services."""
