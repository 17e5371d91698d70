"""A cluster of real processes, measured: healing under load, throughput, both logs, and what repair costs others."""
