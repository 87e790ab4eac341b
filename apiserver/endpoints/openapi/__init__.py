"""/openapi/v2 and /openapi/v3: the OpenAPI documents of what the server serves."""
