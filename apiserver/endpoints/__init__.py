"""The HTTP layer: filters, handlers, content negotiation, discovery and OpenAPI."""
