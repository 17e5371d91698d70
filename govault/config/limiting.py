"""Keys of the configuration about what is too much of one who asks."""

from pydantic import Field

from govault.config.section import Section
from govault.config.values import Pace
from govault.limits import RATE_PER_MINUTE_MAX


class RequestsPerMinute(Section):
    """Requests that each may make a minute, at one node. 0: as many as he likes. The operator has no limit."""

    account: int = Field(60_000, ge=0, le=RATE_PER_MINUTE_MAX, description="Of one account.")
    address: int = Field(
        30_000, ge=0, le=RATE_PER_MINUTE_MAX, description="From one address (IPv6: one /64), without a credential."
    )
    share_link: int = Field(6_000, ge=0, le=RATE_PER_MINUTE_MAX, description="By one share link.")


class BytesPerSecond(Section):
    """What an account, or an address without a credential, may move a second at one node. The operator has no limit."""

    upload: Pace = Field(0, description="Into the vault, like 10MiB; 0: as fast as it goes.")
    download: Pace = Field(0, description="Out of it; 0: as fast as it goes.")


class LimitsSection(Section):
    """What is too much (429), and what is slowed down."""

    requests_per_minute: RequestsPerMinute = Field(
        RequestsPerMinute(), description="Requests that each may make a minute, at one node; 0: without limit."
    )
    bytes_per_second: BytesPerSecond = Field(
        BytesPerSecond(), description="Bytes that each may send and fetch a second, at one node; 0: without limit."
    )
