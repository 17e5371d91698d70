"""Rows of figures, each with its peer's of the same run, the ratio, and the target where there is one."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        peer: What it is compared with in this run; empty for none.
        ratio: Ours by the peer's, so that larger is better where ``target`` says ≥ and smaller where it says ≤.
    """

    what: str
    ours: str
    peer: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None


@dataclass
class Table:
    """What one run measured."""

    rows: list[Row] = field(default_factory=list)

    def add(
        self,
        what: str,
        ours: str,
        *,
        peer: str = "",
        ratio: float | None = None,
        at_least: float | None = None,
        at_most: float | None = None,
        value: float | None = None,
        unit: str = "",
    ) -> None:
        """Add a figure; the target is held against ``value``, or against the ratio where no value is given."""
        held = ratio if value is None else value
        target, met = "", None
        if held is not None and at_least is not None:
            target, met = f"≥ {at_least:g}{unit}", held >= at_least
        if held is not None and at_most is not None:
            target, met = f"≤ {at_most:g}{unit}", held <= at_most
        row = Row(what, ours, peer, ratio, target, met)
        self.rows.append(row)
        print(self._line(row), flush=True)

    def note(self, text: str) -> None:
        """A sentence between the rows."""
        print(f"  {text}", flush=True)

    def markdown(self) -> str:
        """The table for ``docs/benchmarks.md``."""
        lines = ["| what | GoVault | peer | ratio | target | met |", "|---|---|---|---|---|---|"]
        for row in self.rows:
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}×"
            met = {True: "yes", False: "**no**", None: ""}[row.met]
            lines.append(f"| {row.what} | {row.ours} | {row.peer} | {ratio} | {row.target} | {met} |")
        return "\n".join(lines) + "\n"

    @staticmethod
    def _line(row: Row) -> str:
        ratio = "" if row.ratio is None else f"  {row.ratio:.2f}×"
        met = {True: "  met", False: "  MISSED", None: ""}[row.met]
        return f"{row.what:<46} {row.ours:>18}  {row.peer:<34}{ratio}  {row.target}{met}"
