"""Reading Kafka: clients, records, offsets, groups; and a Kafka and a registry of our own."""
