"""Every key of the configuration: its type, its default, its bounds and, as its description, what it is for.

The default file that ``govault config init`` writes is made from this, so the descriptions are the documentation.
"""

import ipaddress
import os
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from govault.config.limiting import LimitsSection
from govault.config.oidc import Oidc
from govault.config.section import Section
from govault.config.values import Address, Addresses, Duration, FilePath, Size, Texts, split_address
from govault.limits import (
    CHUNK_MEAN_BYTES,
    EXACT_INT_MAX,
    KIB,
    MAX_UPLOAD_BYTES_DEFAULT,
    MIB,
    REPAIR_LANES_MAX,
    REPLICAS_MAX,
)

TOPIC_PREFIX_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"


def default_storage_root() -> Path:
    """``$XDG_DATA_HOME/govault``, usually ``~/.local/share/govault``."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local/share") / "govault"


class Doors(Section):
    """Where requests may come in."""

    rest: bool = Field(True, description="The REST interface: files, spaces, trash, administration.")
    docs: bool = Field(True, description="The OpenAPI document and the pages at /docs.")
    metrics: bool = Field(True, description="Prometheus metrics at /metrics.")
    metrics_public: bool = Field(False, description="Whether /metrics answers without a token.")
    page: bool = Field(True, description="The page at /.")


class Tls(Section):
    """HTTPS. Both files, or neither."""

    cert_file: FilePath | None = Field(None, description="Certificate chain, PEM. Null: plain HTTP.")
    key_file: FilePath | None = Field(None, description="Private key of the certificate, PEM.")

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: set both, or neither")
        return self


class Server(Section):
    """The HTTP server and the data folder."""

    listen_addr: str = Field("127.0.0.1:8080", description="host:port to listen on; port 0 takes a free one.")
    storage_root: FilePath = Field(
        default_factory=default_storage_root, description="The data folder: log, views, chunks and keys of this node."
    )
    advertise: Texts = Field(
        (),
        description="URLs where clients reach this node, like https://vault.example; empty: where it listens, or by "
        "the host's name.",
    )
    max_upload_size: Size = Field(
        MAX_UPLOAD_BYTES_DEFAULT, ge=1, description="The largest content taken in one upload (413 beyond)."
    )
    cors_origins: Texts = Field(
        (), description="Origins whose pages may call this server, like https://app.example; '*' for all."
    )
    allow_plaintext: bool = Field(
        False, description="Whether plain HTTP beyond loopback is allowed: the token then crosses the network readable."
    )
    tls: Tls = Field(Tls(), description="HTTPS.")
    doors: Doors = Field(Doors(), description="Which doors are open.")

    @field_validator("listen_addr")
    @classmethod
    def _address(cls, value: str) -> str:
        split_address(value)
        return value.strip()

    @field_validator("advertise")
    @classmethod
    def _urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            scheme, separator, rest = url.partition("://")
            if scheme not in ("http", "https") or not separator or not rest or rest.startswith("/"):
                raise ValueError(f"{url!r} is not a URL: write https://host[:port]")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            scheme, separator, rest = origin.partition("://")
            if origin != "*" and (scheme not in ("http", "https") or not separator or not rest or "/" in rest):
                raise ValueError(f"{origin!r} is not an origin: write scheme://host[:port], without a path, or '*'")
        return value

    @model_validator(mode="after")
    def _no_plaintext_beyond_loopback(self) -> Self:
        if not (self.is_loopback or self.tls.cert_file or self.allow_plaintext):
            raise ValueError(
                f"listen_addr {self.listen_addr} is reachable beyond this machine over plain HTTP, so the token could "
                "be read on the way: set server.tls.cert_file and key_file, listen on 127.0.0.1, "
                "or set server.allow_plaintext: true behind a proxy that speaks HTTPS"
            )
        return self

    @property
    def host(self) -> str:
        """The host to listen on."""
        return split_address(self.listen_addr)[0]

    @property
    def port(self) -> int:
        """The port to listen on; 0 takes a free one."""
        return split_address(self.listen_addr)[1]

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class LogSecurity(Section):
    """How to reach Apache Kafka. The embedded log makes its own credentials."""

    protocol: Literal["plaintext", "tls", "sasl_plaintext", "sasl_tls"] = Field(
        "plaintext", description="plaintext, tls, sasl_plaintext or sasl_tls."
    )
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="The SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
    )
    username: str | None = Field(None, description="The SASL user.")
    password_file: FilePath | None = Field(None, description="A file that holds the SASL password.")
    ca_file: FilePath | None = Field(None, description="Certificates to trust, PEM. Null: those of the system.")
    cert_file: FilePath | None = Field(None, description="This node's client certificate, PEM.")
    key_file: FilePath | None = Field(None, description="Private key of the client certificate, PEM.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.protocol.startswith("sasl") and not (self.username and self.password_file):
            raise ValueError(f"protocol {self.protocol} needs username and password_file")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: set both, or neither")
        return self


class Log(Section):
    """The log that holds the truth."""

    kind: Literal["embedded", "kafka"] = Field(
        "embedded", description="embedded: a durable log in the data folder, for one node. kafka: Apache Kafka."
    )
    bootstrap: Addresses = Field((), description="Addresses (host:port) of Kafka brokers; needed with kind: kafka.")
    topic_prefix: str = Field(
        "govault", pattern=TOPIC_PREFIX_PATTERN, description="The first part of every topic's name."
    )
    partitions: int = Field(
        8, ge=1, le=1024, description="Partitions of the files topic. Fixed when the vault is made; later ignored."
    )
    replication: Literal[1, 3] = Field(
        3, description="Copies of each topic on Apache Kafka: 3, of which 2 must be in sync; 1 for a single broker."
    )
    embedded_port: int = Field(
        0, ge=0, le=65_535, description="Loopback port of the embedded log, for Kafka clients; 0 takes a free one."
    )
    security: LogSecurity = Field(LogSecurity(), description="How to reach Apache Kafka.")

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.kind == "kafka" and not self.bootstrap:
            raise ValueError("kind: kafka needs bootstrap, a list of host:port")
        return self


class Network(Section):
    """Other nodes of the vault."""

    peer_addr: Address = Field(
        "127.0.0.1:7946", description="host:port to listen on for peers, with log.kind: kafka; port 0 takes a free one."
    )
    advertise: Addresses = Field(
        (),
        description="Addresses (host:port) where peers reach this node; empty: peer_addr or, where that is 0.0.0.0, "
        "the host's name and its address towards Kafka.",
    )
    name: str = Field("", max_length=100, description="This node's name, for people. Empty: the host's name.")
    zone: str = Field("", max_length=100, description="Where it stands: replicas go to different zones.")
    weight: int = Field(1, ge=0, le=1_000_000, description="Its share of chunks against other nodes. Set at joining.")
    bootstrap_nodes: Addresses = Field(
        (),
        description="More addresses (host:port) where nodes of the vault may be found, where those that a join token "
        "or the log tells lead nowhere.",
    )
    layout: Literal["auto", "manual"] = Field(
        "auto", description="auto: chunks follow members; manual: govault layout apply moves them."
    )
    replicas: int = Field(
        3,
        ge=1,
        le=REPLICAS_MAX,
        description="Nodes that hold each chunk, from the first layout on; later: layout apply.",
    )
    write_quorum: int = Field(
        2, ge=1, le=REPLICAS_MAX, description="Durable replicas that a write waits for, at most all; likewise."
    )
    max_peers: int = Field(
        50, ge=1, le=10_000, description="Peers to keep idle connections to; a call to any other makes one."
    )


class Chunking(Section):
    """How contents are cut into chunks. A change applies to later uploads only."""

    kind: Literal["content-defined", "fixed"] = Field(
        "content-defined", description="content-defined finds equal pieces wherever they lie; fixed cuts blindly."
    )
    mean_size: Size = Field(
        CHUNK_MEAN_BYTES, ge=16 * KIB, le=2 * MIB, description="The average chunk (fixed: every chunk)."
    )


_LEVELS = {"zstd": range(1, 20), "gzip": range(4), "lz4": range(17)}


class Compression(Section):
    """How chunks are compressed. Chunks that a sample shows to be incompressible are stored as they are."""

    codec: Literal["zstd", "lz4", "gzip", "none", "auto"] = Field(
        "zstd", description="zstd, lz4, gzip, none, or auto: chosen by content."
    )
    level: int = Field(3, ge=0, le=19, description="The codec's level: zstd 1-19, lz4 0-16, gzip 0-3.")

    @model_validator(mode="after")
    def _level_of_codec(self) -> Self:
        levels = _LEVELS.get(self.codec)
        if levels is not None and self.level not in levels:
            raise ValueError(f"level {self.level} is outside {self.codec}'s levels {levels.start}-{levels.stop - 1}")
        return self


class RetentionDefaults(Section):
    """What new spaces keep; each space can be set otherwise. Null keeps for ever."""

    keep_last: int | None = Field(None, ge=1, description="Old versions of a file to keep, the current one included.")
    keep_within: Duration | None = Field(None, description="Keep every version younger than this, like 90d.")
    trash_expires_after: Duration | None = Field(None, description="Purge trash this long after it was removed.")


class StorageSection(Section):
    """The chunk store."""

    chunking: Chunking = Field(Chunking(), description="How contents are cut into chunks.")
    compression: Compression = Field(Compression(), description="How chunks are compressed.")
    retention: RetentionDefaults = Field(RetentionDefaults(), description="What new spaces keep.")
    reserve: Size = Field(512 * MIB, description="Disk space to leave free: uploads answer 507 before it is touched.")


class Security(Section):
    """Keys."""

    encryption_key: str = Field(
        "auto", min_length=1, description="auto: made at first start in the data folder; or the path of a key file."
    )

    @property
    def encryption_key_file(self) -> Path | None:
        """The key file; None where the node makes its own."""
        return None if self.encryption_key == "auto" else Path(self.encryption_key).expanduser().absolute()


class AccountsSection(Section):
    """Who may come in."""

    registration: Literal["admin", "invite", "open"] = Field(
        "admin",
        description="Who makes accounts. admin: administrators alone; invite: also whoever they give an invite; open: "
        "anybody, for himself.",
    )
    audit_reads: bool = Field(
        False,
        description="Whether the audit trail also keeps who read which content. Refusals, logins and acts it does.",
    )
    password_hash: Literal["argon2id", "bcrypt"] = Field(
        "argon2id", description="How passwords are hashed. Others are verified too, and hashed anew at the next login."
    )
    may_create_spaces: bool = Field(
        True, description="Whether any account may make spaces, which it then manages; else administrators alone."
    )
    quota_bytes_default: Size = Field(
        0,
        ge=0,
        le=EXACT_INT_MAX,
        description="How many bytes accounts made from now on may own, old versions and trash counted; 0: any.",
    )
    quota_files_default: int = Field(
        0, ge=0, le=EXACT_INT_MAX, description="How many files accounts made from now on may own, trash too; 0: any."
    )
    oidc: Oidc = Field(Oidc(), description="Logging in at an identity provider (OpenID Connect).")


class Logging(Section):
    """What the node writes to stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error.")
    format: Literal["json", "text"] = Field("text", description="json (one object a line) or text.")


_MINUTE = timedelta(minutes=1)


class Workers(Section):
    """Work in the background."""

    cpu_threads: int = Field(
        0, ge=0, le=256, description="Threads for chunking, hashing, compression and sealing; 0: by the processors."
    )
    gc_period: Duration = Field(
        60 * _MINUTE, ge=timedelta(seconds=1), description="How often what nothing references is collected."
    )
    retention_period: Duration = Field(
        60 * _MINUTE, ge=timedelta(seconds=1), description="How often retention and trash expiry are applied."
    )
    checkpoint_period: Duration = Field(
        60 * _MINUTE, ge=timedelta(seconds=1), description="How often signed digests are written to the log."
    )
    repair_bytes_per_s: Size = Field(
        32 * MIB, ge=KIB, description="What making lost replicas again may take of disks and network, each second."
    )
    repair_parallel: int = Field(4, ge=1, le=REPAIR_LANES_MAX, description="Batches of chunks repaired at once.")
    repair_grace: Duration = Field(
        10 * _MINUTE,
        ge=timedelta(seconds=1),
        description="How long a node stays dead before others take over its replicas; sole copies do not wait for it.",
    )
    scrub_period: Duration = Field(
        30 * 24 * 60 * _MINUTE,
        ge=timedelta(minutes=1),
        description="How often each stored chunk is read and verified.",
    )
    scrub_bytes_per_s: Size = Field(32 * MIB, ge=KIB, description="What that may read each second.")


class Configuration(BaseSettings):
    """All of it. Read-only; made by ``govault.config.load``."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)

    server: Server = Field(default_factory=Server, description="The HTTP server and the data folder.")
    log: Log = Field(Log(), description="The log that holds the truth.")
    network: Network = Field(Network(), description="Other nodes of the vault.")
    storage: StorageSection = Field(StorageSection(), description="The chunk store.")
    security: Security = Field(Security(), description="Keys.")
    accounts: AccountsSection = Field(AccountsSection(), description="Who may come in.")
    limits: LimitsSection = Field(LimitsSection(), description="What is too much.")
    logging: Logging = Field(Logging(), description="What the node writes to stderr.")
    workers: Workers = Field(Workers(), description="Work in the background.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what ``load`` layered: it knows where each value came from, so that a refusal can say it."""
        return (init_settings,)
