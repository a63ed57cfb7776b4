"""labline: event-driven streaming analytics on Apache Kafka."""
