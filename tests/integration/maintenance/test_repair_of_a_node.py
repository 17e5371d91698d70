"""Repair and scrub of a running node of one: doors, figures, and what a node without peers can do."""

import os
import time

from tests.integration.maintenance.conftest import Door

MIB = 1 << 20


def wait_for(true, seconds: float = 30.0) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def test_repair_tells_how_it_stands(door: Door) -> None:
    status = door.ask("GET", "/admin/repair")
    assert status["state"] in ("idle", "working")
    assert status["queue"]["chunks"] == 0
    assert status["walk"]["slots"] == 16_384
    assert status["layout_reached"] is True


def test_a_pass_of_the_scrub_on_demand_reads_every_chunk(door: Door) -> None:
    for number in range(4):
        door.put(f"scrubbed/{number}", os.urandom(MIB))
    chunks = door.ask("GET", "/stats")["store"]["chunks"]
    passes = door.ask("GET", "/admin/repair")["scrub"]["passes"]
    asked = door.ask("POST", "/admin/repair", {"action": "scrub"})
    assert asked["scrub"]["running"] is True
    wait_for(lambda: door.ask("GET", "/admin/repair")["scrub"]["passes"] == passes + 1)
    scrub = door.ask("GET", "/admin/repair")["scrub"]
    assert scrub["damaged_before"] == 0
    assert scrub["finished_ms"] > 0
    assert chunks >= 4


def test_a_pause_is_told_in_health_and_ends_with_resume(door: Door) -> None:
    assert door.ask("POST", "/admin/repair", {"action": "pause"})["state"] == "paused"
    wait_for(lambda: any(row["code"] == "repair.paused" for row in door.ask("GET", "/health")["findings"]), 5)
    assert door.ask("POST", "/admin/repair", {"action": "resume"})["state"] != "paused"


def test_no_other_act_and_no_other_field_is_taken(door: Door) -> None:
    assert (
        door.raw("POST", "/admin/repair", b'{"action": "pause", "scrub": true}', content_type="application/json")[0]
        == 422
    )
    assert door.raw("POST", "/admin/repair", b'{"action": "mend"}', content_type="application/json")[0] == 422


def test_figures_of_repair_are_in_the_metrics(door: Door) -> None:
    status, raw = door.raw("GET", "/metrics")
    assert status == 200
    text = raw.decode()
    for name in (
        'govault_repair_queue_chunks{urgency="sole"}',
        "govault_repaired_total",
        "govault_repaired_bytes_total",
        "govault_scrub_progress",
        "govault_under_replicated_chunks",
    ):
        assert f"\n{name}" in text
