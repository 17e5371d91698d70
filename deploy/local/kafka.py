"""Apache Kafka (KRaft, one broker): from its Maven jars, with the machine's Java, in a folder of its own."""

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

JARS = Path(__file__).resolve().parents[2] / ".cache" / "kafka-jars"
START_S = 60.0


def missing() -> str:
    """Why Apache Kafka cannot run here; empty where it can. In CI a missing tool is an error, not a reason to skip."""
    absent = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if not absent:
        return ""
    reason = f"Apache Kafka needs {' and '.join(absent)} (Debian: default-jre-headless, maven)"
    if os.environ.get("CI"):
        raise RuntimeError(reason)
    return reason


def resolve_jars() -> Path:
    """The folder of Kafka's jars, resolved by Maven once and kept in ``.cache``."""
    done = JARS / ".resolved-4.3.1"
    if not done.exists():
        shutil.rmtree(JARS, ignore_errors=True)
        subprocess.run(
            [
                "mvn", "-q", "-B", "-f", str(Path(__file__).with_name("pom.xml")), "dependency:copy-dependencies",
                f"-DoutputDirectory={JARS}", "-DincludeScope=runtime",
            ],
            check=True, timeout=300, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        done.touch()
    return JARS


@dataclass
class ApacheKafka:
    """One broker. ``start`` returns once it answers; ``stop`` and ``kill`` end it; the folder stays.

    Attributes:
        host: The address of this machine where clients reach it.
        settings: Of the broker, beyond those that it needs to run here; they win.
        users: Name and password of everybody who may log in (SCRAM-SHA-512); ``admin`` may do everything, the others
            what access lists say. Empty: plaintext, open to all.
    """

    folder: Path
    port: int = 0
    host: str = "127.0.0.1"
    settings: dict[str, str] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _log: IO[bytes] | None = field(default=None, repr=False)

    @property
    def bootstrap(self) -> str:
        """host:port for clients."""
        return f"{self.host}:{self.port}"

    def start(self) -> None:
        """Start it (again, with the same data and port, after ``stop`` or ``kill``).

        Raises:
            RuntimeError: It ended, or did not answer in START_S; the message carries its last lines.
        """
        jars = resolve_jars()
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = self.folder / "server.properties"
        if not properties.exists():
            self.port = self.port or _free_port(self.host)
            properties.write_text(self._properties(_free_port()), encoding="utf-8")
            logins = [f"SCRAM-SHA-512=[name={name},password={word}]" for name, word in self.users.items()]
            self._java(
                jars, "kafka.tools.StorageTool", "format", "-t", "R292YXVsdFRlc3RzMTIzNA", "-c", str(properties),
                *(word for login in logins for word in ("--add-scram", login)),
            )  # fmt: skip
        self._log = (self.folder / "kafka.log").open("ab")
        self._process = subprocess.Popen(
            ["java", "-Xmx256m", "-Xms128m", "-XX:+UseSerialGC", "-cp", f"{jars}/*", "kafka.Kafka", str(properties)],
            stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    tail = (self.folder / "kafka.log").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"Apache Kafka did not start:\n{tail}") from error
                time.sleep(0.1)

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self._end("terminate")

    def kill(self) -> None:
        """Kill -9."""
        self._end("kill")

    def _end(self, how: str) -> None:
        if self._process is not None:
            getattr(self._process, how)()
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(timeout=20)
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def _java(self, jars: Path, *arguments: str) -> None:
        subprocess.run(
            ["java", "-Xmx128m", "-cp", f"{jars}/*", *arguments],
            check=True, timeout=60, stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip

    def _properties(self, controller_port: int) -> str:
        return "\n".join(
            [
                "process.roles=broker,controller",
                "node.id=1",
                f"controller.quorum.voters=1@127.0.0.1:{controller_port}",
                f"listeners=PLAINTEXT://{self.host}:{self.port},CONTROLLER://127.0.0.1:{controller_port}",
                f"advertised.listeners=PLAINTEXT://{self.host}:{self.port}",
                "controller.listener.names=CONTROLLER",
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
                f"log.dirs={self.folder / 'data'}",
                "auto.create.topics.enable=false",
                "offsets.topic.replication.factor=1",
                "offsets.topic.num.partitions=1",
                "transaction.state.log.replication.factor=1",
                "transaction.state.log.min.isr=1",
                "group.initial.rebalance.delay.ms=0",
                *(self._guarded(controller_port) if self.users else ()),
                *(f"{name}={value}" for name, value in self.settings.items()),
                "",
            ]
        )

    def _guarded(self, controller_port: int) -> list[str]:
        """Clients log in; the broker's own two listeners are anonymous, on loopback."""
        internal = _free_port()
        return [
            f"listeners=SASL_PLAINTEXT://{self.host}:{self.port},INTERNAL://127.0.0.1:{internal},"
            f"CONTROLLER://127.0.0.1:{controller_port}",
            f"advertised.listeners=SASL_PLAINTEXT://{self.host}:{self.port},INTERNAL://127.0.0.1:{internal}",
            "inter.broker.listener.name=INTERNAL",
            "listener.security.protocol.map=SASL_PLAINTEXT:SASL_PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms=SCRAM-SHA-512",
            "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config="
            "org.apache.kafka.common.security.scram.ScramLoginModule required;",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users=User:admin;User:ANONYMOUS",
        ]


def _free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
