"""The configuration: one frozen object, from a file, the environment and flags, each stronger than the one before.

``load`` is the way in; ``Configuration`` is what the node receives.
"""

from govault.config.load import Loaded, find_file, load
from govault.config.model import Configuration

__all__ = ["Configuration", "Loaded", "find_file", "load"]
