"""The configuration turned into the values that each part takes."""

import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta

from prometheus_client import CollectorRegistry, GCCollector

from api.middleware.bandwidth import BytesPerSecond
from api.middleware.rates import RequestsPerMinute
from api.settings import ApiSettings
from govault.config import Configuration
from govault.config.model import Log
from govault.errors import Config
from govault.node.folder import DataFolder, write_durably
from govault.node.log_output import access_log
from govault.services.cluster.layouts import LayoutWishes
from govault.services.maintenance.assembly import UpkeepSettings
from govault.storage.options import StoreOptions
from schemas.events.files import Retention
from streams.broker.supervisor import BrokerDidNotStart, EmbeddedBroker
from streams.connection import Connection


async def connect(
    configuration: Configuration, folder: DataFolder, stack: AsyncExitStack
) -> tuple[EmbeddedBroker | None, Connection]:
    """The way to the log; with ``kind: embedded`` the log itself is started and, by the stack, stopped.

    Raises:
        Config: It cannot be started, or a secret's file cannot be read.
    """
    log = configuration.log
    if log.kind == "kafka":
        return None, to_kafka(log)
    broker = await start_embedded_log(folder, log, stack)
    credentials = broker.credentials
    write_durably(
        folder.root / "kcat.conf",
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanisms=PLAIN\n"
        f"sasl.username={credentials.reader_user}\nsasl.password={credentials.reader_password}\n",
        mode=0o600,
    )
    return broker, to_embedded(broker, log.topic_prefix)


async def start_embedded_log(folder: DataFolder, log: Log, stack: AsyncExitStack) -> EmbeddedBroker:
    """The folder's own log, running; the stack stops it.

    Raises:
        Config: It cannot be started.
    """
    broker = EmbeddedBroker(folder.log, port=log.embedded_port)
    stack.push_async_callback(broker.stop)
    try:
        await broker.start()
    except BrokerDidNotStart as error:
        raise Config(f"the embedded log in {folder.log} does not start: {error}") from error
    except OSError as error:
        raise Config(
            f"the embedded log cannot use port {log.embedded_port}: {error.strerror}. "
            "Stop what uses it, or set log.embedded_port: 0 to take a free one"
        ) from error
    return broker


def to_embedded(broker: EmbeddedBroker, prefix: str) -> Connection:
    """The node's own way to its embedded log."""
    return Connection(
        broker.bootstrap,
        prefix=prefix,
        username=broker.credentials.user,
        password=broker.credentials.password,
        mechanism="PLAIN",
    )


def to_kafka(log: Log) -> Connection:
    """The way to Apache Kafka.

    Raises:
        Config: A secret's file cannot be read.
    """
    security = log.security
    password = ""
    if security.password_file is not None:
        try:
            password = security.password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Config(f"log.security.password_file {security.password_file}: {error.strerror}") from error
    tls = None
    if security.protocol.endswith("tls"):
        try:
            tls = ssl.create_default_context(cafile=security.ca_file)
            if security.cert_file is not None:
                tls.load_cert_chain(security.cert_file, security.key_file)
        except OSError as error:
            raise Config(f"log.security: the certificates cannot be loaded: {error}") from error
    return Connection(
        ",".join(log.bootstrap),
        prefix=log.topic_prefix,
        username=(security.username or "") if security.protocol.startswith("sasl") else "",
        password=password,
        mechanism=security.mechanism,
        tls=tls,
        replicated=log.replication > 1,
    )


def store_options(configuration: Configuration) -> StoreOptions:
    """How the chunk store keeps new chunks."""
    storage = configuration.storage
    codec = storage.compression.codec
    options = StoreOptions(
        chunking="fixed" if storage.chunking.kind == "fixed" else "content",
        chunk_bytes_mean=storage.chunking.mean_size,
        compression=codec,
        compression_level=None if codec in ("auto", "none") else storage.compression.level,
        reserve_bytes=storage.reserve,
    )
    threads = configuration.workers.cpu_threads
    return options if threads == 0 else options_with_threads(options, threads)


def options_with_threads(options: StoreOptions, threads: int) -> StoreOptions:
    """The same options with a set number of threads."""
    return StoreOptions(**{**vars(options), "workers": threads, "readers": threads})


def default_retention(configuration: Configuration) -> Retention:
    """What new spaces keep."""
    asked = configuration.storage.retention
    return Retention(
        keep_last=asked.keep_last,
        keep_within_s=_whole_seconds(asked.keep_within),
        trash_expires_after_s=_whole_seconds(asked.trash_expires_after),
    )


def _whole_seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else max(1, int(duration.total_seconds()))


def upkeep_settings(configuration: Configuration) -> UpkeepSettings:
    """The periods of the background work, and what it aims at."""
    workers, network = configuration.workers, configuration.network
    return UpkeepSettings(
        collection_period_s=workers.gc_period.total_seconds(),
        retention_period_s=workers.retention_period.total_seconds(),
        checkpoint_period_s=workers.checkpoint_period.total_seconds(),
        layout_automatic=network.layout == "auto",
        layout_wishes=LayoutWishes(network.replicas, network.write_quorum),
    )


def api_settings(configuration: Configuration, program_version: str, registry: CollectorRegistry) -> ApiSettings:
    """What the REST door is told."""
    server = configuration.server
    return ApiSettings(
        version=program_version,
        max_upload_bytes=server.max_upload_size,
        cors_origins=server.cors_origins,
        metrics_public=server.doors.metrics_public,
        docs=server.doors.docs,
        page=server.doors.page,
        rest=server.doors.rest,
        metrics=server.doors.metrics,
        tls=server.tls.cert_file is not None,
        audit_reads=configuration.accounts.audit_reads,
        rates=requests_per_minute(configuration),
        bandwidth=bytes_per_second(configuration),
        access_log=access_log(configuration.logging.level, configuration.logging.format),
        registry=registry,
    )


def requests_per_minute(configuration: Configuration) -> RequestsPerMinute:
    """How many requests each may make."""
    asked = configuration.limits.requests_per_minute
    return RequestsPerMinute(asked.account, asked.address, asked.share_link)


def bytes_per_second(configuration: Configuration) -> BytesPerSecond:
    """How many bytes a second each may move."""
    asked = configuration.limits.bytes_per_second
    return BytesPerSecond(asked.upload, asked.download)


def metrics_registry() -> CollectorRegistry:
    """A registry with the figures of the interpreter's memory in it; upkeep adds the process's and the vault's."""
    registry = CollectorRegistry()
    GCCollector(registry=registry)
    return registry


def shown(configuration: Configuration) -> Mapping[str, object]:
    """The effective configuration for people. It holds paths of secrets, never secrets."""
    return configuration.model_dump(mode="json")


def open_doors_to_know_of(configuration: Configuration) -> tuple[str, ...]:
    """Sentences on what the configuration leaves less than safe."""
    sentences = []
    server, log = configuration.server, configuration.log
    if not server.is_loopback and server.tls.cert_file is None:
        sentences.append(
            f"Plain HTTP on {server.listen_addr}: the token can be read on the way. Set server.tls, or keep it behind "
            "a proxy that speaks HTTPS."
        )
    if "*" in server.cors_origins:
        sentences.append("Pages of any origin may call this server (server.cors_origins has '*').")
    if log.kind == "kafka" and log.security.protocol == "plaintext":
        sentences.append("The log is reached without encryption and login: whoever reaches it can stop this vault.")
    if log.kind == "kafka" and log.replication < 3:
        sentences.append(f"Each topic has {log.replication} copy or copies on Kafka: losing a broker may lose events.")
    return tuple(sentences)
