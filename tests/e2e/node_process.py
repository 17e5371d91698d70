"""A node process of the tests: a small disk reserve, and on Apache Kafka where the suite runs on one."""

from deploy.local import node_process
from tests.kafka.suite import log_of_suite


class NodeProcess(node_process.NodeProcess):
    """One node. ``start`` returns once it is ready; after ``kill`` it can be started again on the same folder."""

    def _environment(self) -> dict[str, str]:
        given = super()._environment()
        return {
            "GOVAULT_STORAGE__RESERVE": "16MiB",
            "GOVAULT_NETWORK__PEER_ADDR": "127.0.0.1:0",
            **given,
            **log_of_suite(self.root),
            **self.environment,
        }
