"""/openapi/v2 and /openapi/v3: the OpenAPI documents of the served kinds."""
