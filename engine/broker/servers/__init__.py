"""Servers that labline starts itself: Apache Kafka and a schema registry, on their own Java."""
