"""A client of GoVault's REST interface: typed answers and errors, retries that happen once, streams, whole trees.

``async with Client(url, token) as vault: await vault.files.entity(Reference.parse("main:/report.pdf"))``
"""

from govault.client.admin import Admin
from govault.client.client import Client
from govault.client.files import Attributes, Files
from govault.client.problems import ProtocolError, Unreachable
from govault.client.references import Reference
from govault.client.transport import Body, Transport

__all__ = [
    "Admin",
    "Attributes",
    "Body",
    "Client",
    "Files",
    "ProtocolError",
    "Reference",
    "Transport",
    "Unreachable",
]
