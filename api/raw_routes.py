"""The routing table of the raw doors."""

from api.archives import ArchiveDoor
from api.blobs import Blobs
from api.dispatch import RawRoute
from api.file_tokens import FileTokenDoor
from api.middleware.rates import Rates
from api.posts import Posts
from api.puts import Puts
from api.settings import ApiSettings
from api.shares import ShareDoor
from govault.services.catalog import Services

_READ = ("GET", "HEAD")


def raw_routes(services: Services, settings: ApiSettings, rates: Rates) -> tuple[RawRoute, ...]:
    """Every raw door, bound to the services."""
    blobs = Blobs(services.downloads)
    puts = Puts(services, settings.max_upload_bytes)
    posts = Posts(services, settings.max_upload_bytes)
    archives = ArchiveDoor(services.archives)
    shares = ShareDoor(services, blobs, archives, puts, rates)
    by_token = FileTokenDoor(services, blobs, settings.max_upload_bytes)
    numbered = ("version", "download")
    return (
        RawRoute(_READ, "/spaces/{space}/files/{path}", blobs.at_path, numbered, unless="metadata"),
        RawRoute(("PUT",), "/spaces/{space}/files/{path}", puts.put, ("tags", "description")),
        RawRoute(("POST",), "/files", posts.post),
        RawRoute(_READ, "/spaces/{space}/folders/{path}", archives.get, ("archive",), only_if="archive"),
        RawRoute(_READ, "/spaces/{space}/folders", archives.get, ("archive",), only_if="archive"),
        RawRoute(_READ, "/s/{token}", shares.get, ("archive", "download", "cursor")),
        RawRoute(_READ, "/s/{token}/{path}", shares.get, ("archive", "download", "cursor")),
        RawRoute(("PUT",), "/s/{token}/{path}", shares.put, ("tags", "description")),
        RawRoute(_READ, "/content/{token}", by_token.get, ("download",)),
        RawRoute(("PUT",), "/content/{token}", by_token.put),
        RawRoute(_READ, "/files/{ref}", blobs.by_ref, numbered),
        RawRoute(_READ, "/files/{ref}/versions/{version}/content", blobs.by_ref, ("download",)),
    )
