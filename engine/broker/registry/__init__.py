"""Schema registries that speak Confluent's API: their ids and their schemas."""
