"""What property tests of the namespace share."""

from tests.integration.namespace.quiet import quiet

__all__ = ["quiet"]
