"""Moving a vault's log to Apache Kafka, offline: the same records at the same offsets with the same times."""
