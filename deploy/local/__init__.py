"""Real processes on this machine: Apache Kafka from its jars, nodes, and whole clusters of them."""
