#!/usr/bin/env python3
"""Run the steps of the Dockerfile in a folder, where no container engine is, and try what they made.

    python3 deploy/check_image.py [FOLDER]

The Dockerfile itself is read, so the two cannot drift apart. Paths of the image (/src, /opt/govault, /var/lib/govault)
lie in the folder; users are not made. Then the image's entrypoint starts a node with the image's environment, its
health check has to succeed, and the node has to end cleanly on the image's stop signal. Only the standard library.
"""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
DOCKERFILE = CHECKOUT / "deploy" / "Dockerfile"
IMAGE_PATHS = ("/src", "/opt/govault", "/var/lib/govault")
STEP_S = 900
READY_S = 90
STOP_S = 45
# What an image may do and this machine's user must not: make users, give files away.
SHIMS = {
    "useradd": "exit 0",
    "install": 'set -- "$@"; a=(); while (($#)); do case $1 in -o|-g) shift 2;; *) a+=("$1"); shift;; esac; done\n'
    'exec /usr/bin/install "${a[@]}"',
}


@dataclass
class Image:
    """What the steps have made so far."""

    root: Path
    port: int
    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    stop_signal: str = "SIGTERM"

    def here(self, text: str) -> str:
        """A text of the Dockerfile with the image's paths, and its port, as they are on this machine."""
        for path in IMAGE_PATHS:
            text = text.replace(path, str(self.root) + path)
        return text.replace("8080", str(self.port))

    def process_environment(self) -> dict[str, str]:
        """What a process in the image sees."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("GOVAULT_", "PYTHON"))}
        mine["PATH"] = f"{self.root / 'shims'}:{os.environ['PATH']}"
        for name, value in self.environment.items():
            mine[name] = self.here(value).replace("$PATH", mine["PATH"])
        return mine

    def folder(self, path: str) -> Path:
        """A path of the image on this machine."""
        absolute = path if path.startswith("/") else f"{self.workdir.rstrip('/')}/{path}"
        return Path(str(self.root) + absolute)

    def run(self, *command: str, timeout_s: float = STEP_S) -> None:
        """Run a command in the image; it must succeed."""
        folder = self.folder(".")
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(command, cwd=folder, env=self.process_environment(), check=True, timeout=timeout_s)


def main() -> None:
    """Build, start, ask, stop."""
    given = sys.argv[1:]
    root = Path(given[0] if given else tempfile.mkdtemp(prefix="govault-image-")).absolute()
    image = Image(root, _free_port())
    _make_shims(image)
    try:
        for step in steps(DOCKERFILE.read_text(encoding="utf-8")):
            say(step.splitlines()[0])
            apply_step(image, step)
        _try_out(image)
    finally:
        if not given:
            shutil.rmtree(root, ignore_errors=True)
    say("the image's steps work")


def steps(text: str) -> list[str]:
    """The instructions of a Dockerfile, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return [step.strip() for step in "\n".join(lines).replace("\\\n", " ").splitlines() if step.strip()]


def apply_step(image: Image, step: str) -> None:
    """Do what an instruction says.

    Raises:
        SystemExit: It is one that this script does not know.
    """
    name, _, rest = step.partition(" ")
    match name:
        case "FROM":
            image.workdir = "/"
        case "WORKDIR":
            image.workdir = rest
        case "COPY":
            _copy(image, shlex.split(rest))
        case "RUN":
            image.run("bash", "-euc", image.here(rest))
        case "ENV":
            image.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        case "ENTRYPOINT":
            image.entrypoint = json.loads(rest)
        case "CMD":
            image.command = json.loads(rest)
        case "HEALTHCHECK":
            image.health = json.loads(image.here(rest.partition("CMD ")[2]))
        case "STOPSIGNAL":
            image.stop_signal = rest
        case "USER" | "VOLUME" | "EXPOSE":
            pass
        case _:
            sys.exit(f"check_image.py does not know the instruction {name}: teach it")


def _copy(image: Image, words: list[str]) -> None:
    *sources, target = words
    if sources[0].startswith("--from="):
        # Both stages lie in one folder: the path is the same, and so nothing is left to copy.
        assert sources[1:] == [target], f"COPY {words}: stages with different paths"
        return
    folder = image.folder(target)
    for source in sources:
        found = CHECKOUT / source
        if found.is_dir():
            shutil.copytree(found, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, folder / found.name)


def _try_out(image: Image) -> None:
    command = [*image.entrypoint, *image.command]
    say(f"starting {' '.join(command)}")
    environment = image.process_environment()
    program = shutil.which(command[0], path=environment["PATH"])
    assert program is not None, f"{command[0]} is not in the image"
    assert Path(program).is_relative_to(image.root), f"{program} is not the image's"
    with subprocess.Popen([program, *command[1:]], cwd=image.root, env=environment) as node:
        try:
            _wait_healthy(image, node)
            say("healthy")
            node.send_signal(signal.Signals[image.stop_signal])
            code = node.wait(timeout=STOP_S)
            assert code == 0, f"it ended with exit code {code} on {image.stop_signal}"
        finally:
            if node.poll() is None:
                node.kill()


def _wait_healthy(image: Image, node: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_S
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    while subprocess.run(image.health, env=image.process_environment(), check=False, timeout=30, **quiet).returncode:
        assert node.poll() is None, f"the node ended with exit code {node.returncode}"
        assert time.monotonic() < deadline, f"the health check did not succeed in {READY_S} s"
        time.sleep(0.2)


def _make_shims(image: Image) -> None:
    folder = image.root / "shims"
    folder.mkdir(parents=True, exist_ok=True)
    for name, script in SHIMS.items():
        (folder / name).write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    python = folder / "python"
    python.unlink(missing_ok=True)
    # Outside of any venv, as the base image's Python is.
    python.symlink_to(Path(sys.executable if sys.prefix == sys.base_prefix else sys._base_executable).resolve())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def say(line: str) -> None:
    """Progress, for whoever waits."""
    sys.stdout.write(f"== {line[:110]}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
