"""What a person reads when a vault is ready: where it is, where its secrets are, what to try next."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Greeting:
    """The facts of a start that a person needs.

    Attributes:
        password: Of the account ``admin``, where this start made it; ``password_file`` is where it lies.
        kcat: The read-only credentials file for kcat (``-F``), and the log's address; None without embedded log.
    """

    url: str
    data: Path
    token_file: Path
    first_start: bool
    password: str | None
    password_file: Path
    ready_after_s: float
    topic: str
    bootstrap: str
    kcat_config: Path | None

    def text(self) -> str:
        """Some lines for stdout."""
        lines = [
            "",
            f"GoVault is ready at {self.url} (after {self.ready_after_s:.1f} s)",
            "",
            f"  Data         {self.data}",
            f"  Admin token  {self.token_file}",
            f"  API docs     {self.url}/docs",
            "",
            "Try, in another terminal:",
            *(f"  {line}" for line in self._commands()),
            "",
            "Follow every change as it happens (read-only credentials):",
            f"  {self._kcat_line()}",
            "",
        ]
        if self.password is not None:
            lines += [
                f"Log in as admin with the password {self.password} (told once; also in {self.password_file}",
                f"until you change it):  {self._program()} login admin",
                "",
            ]
        if self.first_start:
            lines += [
                "The key that opens your chunks lies in this data folder only. Export a recovery key and keep it",
                f"elsewhere:  {self._program()} recovery-key export",
                "",
            ]
        lines.append("Ctrl-C stops it.")
        return "\n".join(lines) + "\n"

    def _commands(self) -> list[str]:
        program = self._program()
        return [
            f"{program} upload README.md main:/",
            f"{program} ls main:/",
            f"{program} download main:/README.md copy.md",
        ]

    def _program(self) -> str:
        local = Path(".venv/bin/govault")
        return str(local) if local.exists() else "govault"

    def _kcat_line(self) -> str:
        credentials = f" -F {self.kcat_config}" if self.kcat_config else ""
        return f"kcat -b {self.bootstrap}{credentials} -C -t {self.topic} -o beginning -f '%o %k %s\\n'"
