"""Controllers: clients of the API that reconcile objects after writes."""
