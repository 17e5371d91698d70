"""nginx as a peer: a folder of files served with sendfile, on loopback, by one worker a core."""

import contextlib
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

_CONFIG = """
daemon off;
worker_processes {workers};
pid {scratch}/nginx.pid;
error_log {scratch}/nginx-error.log;
events {{ worker_connections 512; }}
http {{
  access_log {scratch}/nginx-access.log;
  client_body_temp_path {scratch}/body; proxy_temp_path {scratch}/proxy; fastcgi_temp_path {scratch}/fastcgi;
  uwsgi_temp_path {scratch}/uwsgi; scgi_temp_path {scratch}/scgi;
  sendfile on; tcp_nopush on; keepalive_requests 10000000;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""
_READY_S = 10.0


@contextlib.contextmanager
def serving(root: Path, scratch: Path) -> Iterator[str]:
    """The address at which nginx serves a folder. It keeps an access log, as the node does."""
    scratch.mkdir(parents=True, exist_ok=True)
    # Its workers leave root, and have to reach the files.
    for folder in (root, *root.parents):
        with contextlib.suppress(PermissionError):
            if folder.stat().st_uid == os.getuid() and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o055)
    for file in root.iterdir():
        file.chmod(file.stat().st_mode | 0o044)
    port = _free_port()
    config = scratch / "nginx.conf"
    config.write_text(_CONFIG.format(scratch=scratch, port=port, root=root, workers=os.cpu_count() or 1))
    process = subprocess.Popen(
        ["nginx", "-c", str(config), "-p", str(scratch)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("nginx did not start")
