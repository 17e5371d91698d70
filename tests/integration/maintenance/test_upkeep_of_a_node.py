"""Upkeep of a running node: health, figures, collection, check, log, views, keys, workers."""

import json
import os

from tests.integration.maintenance.conftest import Door

MIB = 1 << 20


def test_health_is_public_and_told_in_sentences(door: Door) -> None:
    status, raw = door.raw("GET", "/health", authorization="")
    assert status == 200
    report = json.loads(raw)
    assert report["ready"] is True
    nagging = [finding for finding in report["findings"] if finding["code"] == "keys.not-exported"]
    assert nagging
    assert nagging[0]["todo"]
    assert door.raw("GET", "/livez", authorization="")[0] == 200
    assert door.raw("GET", "/readyz", authorization="")[0] == 200


def test_administration_needs_the_token(door: Door) -> None:
    for method, path in (("GET", "/admin/jobs"), ("POST", "/admin/gc"), ("GET", "/stats"), ("GET", "/admin/config")):
        assert door.raw(method, path, authorization="Bearer wrong")[0] == 401


def test_disk_use_falls_by_what_only_the_deleted_files_held(door: Door) -> None:
    shared = os.urandom(MIB)
    door.put("keep/shared", shared)
    door.put("gone/shared", shared)
    for number in range(5):
        door.put(f"gone/{number}", os.urandom(MIB))
    before = door.ask("GET", "/stats")
    assert door.raw("DELETE", "/spaces/main/folders/gone")[0] == 200
    door.ask("DELETE", "/trash")

    would = door.job("/admin/gc?dry_run=true")["result"]
    assert would["dry_run"] is True
    assert would["plain_bytes"] == 5 * MIB
    assert door.ask("GET", "/stats")["stored_bytes"] == before["stored_bytes"]

    did = door.job("/admin/gc")["result"]
    assert did["plain_bytes"] == 5 * MIB
    assert did["freed_bytes"] >= 5 * MIB
    after = door.ask("GET", "/stats")
    assert before["store"]["pack_file_bytes"] - after["store"]["pack_file_bytes"] >= 5 * MIB
    assert door.raw("GET", "/spaces/main/files/keep/shared")[1] == shared
    assert door.job("/admin/gc")["result"]["removed_chunks"] == 0


def test_a_check_reads_everything_and_finds_a_clean_vault(door: Door) -> None:
    door.put("checked/a", os.urandom(MIB))
    door.put("checked/a", os.urandom(1000))
    report = door.job("/admin/check?read_data=true&read_files=true")["result"]
    assert report["ok"] is True
    assert report["findings"] == []
    assert report["versions"] > report["files"] > 0
    assert report["chunks_read"] >= report["chunks_referenced"] > 0


def test_views_have_equal_digests_after_a_rebuild(door: Door) -> None:
    door.put("rebuilt/a", b"content")
    before = door.digests()
    job = door.job("/admin/views/rebuild")
    assert job["state"] == "succeeded"
    assert job["result"]["records"] > 0
    after = door.digests()
    assert {place: after[place] for place in before if place[0] != "checkpoints"} == before


def test_the_log_is_shown_decoded_bounded_and_in_order(door: Door) -> None:
    door.put("logged/a", b"content")
    partitions = door.ask("GET", "/admin/log")["partitions"]
    assert all(row["lag"] in (0, None) for row in partitions)
    status, raw = door.raw("GET", "/admin/log/records?topic=files")
    assert status == 200
    records = [json.loads(line) for line in raw.splitlines()]
    assert [record["time_ms"] for record in records] == sorted(record["time_ms"] for record in records)
    assert any(record["event"]["type"] == "govault.files.version_committed.v1" for record in records)
    assert sum(row["end"] for row in partitions if row["topic"] == "files") == len(records)
    assert len(door.raw("GET", "/admin/log/records?limit=2")[1].splitlines()) == 2
    one = records[-1]
    span = f"topic=files&partition={one['partition']}&start={one['offset']}&stop={one['offset'] + 1}"
    assert json.loads(door.raw("GET", f"/admin/log/records?{span}")[1]) == one


def test_a_part_of_the_log_that_is_not_there_is_refused_before_anything_streams(door: Door) -> None:
    assert door.raw("GET", "/admin/log/records?topic=files&partition=4000")[0] == 404
    assert door.raw("GET", "/admin/log/records?topic=nothing")[0] == 422


def test_refusals_are_audited(door: Door) -> None:
    assert door.raw("GET", "/admin/jobs", authorization="Bearer wrong")[0] == 401
    door.put("audited/a", b"content")
    assert door.raw("PUT", "/spaces/main/files/audited/a", b"other", if_none_match="*")[0] == 412
    seen: list[tuple[str, str]] = []
    for _ in range(100):
        lines = door.raw("GET", "/admin/log/records?topic=audit")[1].splitlines()
        data = [json.loads(line)["event"] for line in lines]
        seen = [(event["actor"], event["data"]["code"]) for event in data]
        if ("admin", "precondition-failed") in seen:
            break
    assert ("anonymous", "authentication") in seen
    assert ("admin", "precondition-failed") in seen


def test_keys_rotate_and_what_was_sealed_before_stays_readable(door: Door) -> None:
    content = os.urandom(3 * MIB)
    door.put("sealed/old", content)
    epoch = door.ask("GET", "/admin/keys")["sealing_epoch"]
    assert door.ask("POST", "/admin/keys/rotate")["sealing_epoch"] == epoch + 1
    door.put("sealed/new", os.urandom(3 * MIB))
    assert door.raw("GET", "/spaces/main/files/sealed/old")[1] == content


def test_exporting_the_recovery_key_ends_the_nagging(door: Door) -> None:
    key = door.ask("POST", "/admin/keys/recovery")["recovery_key"]
    assert len(key.split("-")) == 12
    assert door.ask("GET", "/admin/keys")["recovery_key_exported"] is True
    codes = [finding["code"] for finding in door.ask("GET", "/health")["findings"]]
    assert "keys.not-exported" not in codes


def test_a_signed_checkpoint_verifies_and_an_altered_one_does_not(door: Door) -> None:
    signed = door.ask("POST", "/admin/checkpoints", status=201)
    assert door.ask("POST", "/admin/checkpoints/verify", signed)["contradictions"] == []
    signed["digests"][0]["view"] = "00" * 32
    verdict = door.ask("POST", "/admin/checkpoints/verify", signed)
    assert verdict["valid"] is False
    assert "altered" in verdict["contradictions"][0]


def test_workers_are_listed_and_paced(door: Door) -> None:
    names = [worker["name"] for worker in door.ask("GET", "/admin/workers")["workers"]]
    assert names == sorted(names)
    assert {"audit", "checkpoints", "collection", "heartbeats", "layout", "repair", "retention", "scrub"} <= set(names)
    assert door.ask("PATCH", "/admin/workers/collection", {"throttle": 3.5})["throttle"] == 3.5
    door.ask("PATCH", "/admin/workers/collection", {"throttle": -1}, status=422)
    door.ask("PATCH", "/admin/workers/nobody", {"throttle": 1}, status=404)


def test_metrics_have_our_names_and_no_paths(door: Door) -> None:
    door.put("measured/strange-name-of-a-file", b"content")
    text = door.raw("GET", "/metrics")[1].decode()
    for name in ("govault_views_lag_records", "govault_store_stored_bytes", "govault_worker_steps_total"):
        assert name in text
    assert "strange-name" not in text


def test_the_vault_of_one_tells_the_truth_of_itself(door: Door) -> None:
    (peer,) = door.ask("GET", "/peers")["peers"]
    layout = door.ask("GET", "/layout")
    topology = door.ask("GET", "/topology")
    assert peer["this_node"] is True
    assert layout["holders"] == [{"node_id": peer["node_id"], "slots": layout["slots"]}]
    assert topology["this_node"] == peer["node_id"]
    assert topology["log_kind"] == "embedded"
    assert topology["links"] == []
    assert peer["link"] is None
    assert door.ask("POST", "/admin/topology/benchmark", status=409)["code"] == "conflict.alone"


def test_the_configuration_is_shown_without_its_secrets(door: Door) -> None:
    shown = json.dumps(door.ask("GET", "/admin/config"))
    assert "listen_addr" in shown
    assert door.node.token not in shown


def test_an_unknown_job_is_not_found(door: Door) -> None:
    door.ask("GET", "/admin/jobs/j_unknown", status=404)
    door.ask("DELETE", "/admin/jobs/j_unknown", status=404)


def test_a_misspelt_wish_is_refused_before_it_does_harm(door: Door) -> None:
    door.ask("POST", "/admin/gc?dryrun=true", status=422)
    door.ask("GET", "/admin/log/records?tail=5", status=422)


def test_a_node_is_changed_and_the_last_one_stays(door: Door) -> None:
    (peer,) = door.ask("GET", "/peers")["peers"]
    node = peer["node_id"]
    changed = door.ask("PATCH", f"/admin/peers/{node[:8]}", {"name": "attic-1", "zone": "attic", "weight": 2})
    assert (changed["name"], changed["zone"], changed["weight"]) == ("attic-1", "attic", 2)
    assert door.ask("GET", "/peers/attic-1")["node_id"] == node
    door.ask("GET", "/peers/nobody", status=404)
    door.ask("PATCH", "/admin/peers/attic-1", {"weight": -1}, status=422)
    door.ask("DELETE", "/admin/peers/attic-1", status=409)
    for how in ("", "&dry_run=true"):
        refused = door.ask("DELETE", f"/admin/peers/attic-1?force=true{how}", status=409)
        assert refused["code"] == "conflict.own-removal"
    door.ask("PATCH", "/admin/peers/attic-1", {"name": peer["name"], "zone": "", "weight": 1})


def test_a_layout_is_planned_and_put_in_force_as_planned(door: Door) -> None:
    plan = door.ask("POST", "/admin/layout/plan", {"replicas": 2})
    base = plan["base_version"]
    assert (plan["replicas"], plan["write_quorum"], plan["changed"]) == (2, 2, True)
    assert sum(shift["slots_after"] for shift in plan["shifts"]) == 16384
    door.ask("POST", "/admin/layout", {"plan_id": "of another", "replicas": 2}, status=409)
    layout = door.ask("POST", "/admin/layout", {"plan_id": plan["plan_id"], "replicas": 2})
    assert (layout["version"], layout["steps"][-1]["version"]) == (base + 1, base + 1)
    door.ask("POST", "/admin/layout", {"plan_id": plan["plan_id"], "replicas": 2}, status=409)
    door.ask("POST", "/admin/layout/plan", {"replicas": 1, "write_quorum": 2}, status=422)
    shown = door.ask("GET", "/layout?slots=true")
    assert shown["table"] == [[shown["holders"][0]["node_id"]]] * 16384
    assert not door.ask("POST", "/admin/layout/plan", {})["changed"]


def test_a_new_sealing_epoch_is_an_event(door: Door) -> None:
    before = door.ask("GET", "/admin/keys")["sealing_epoch"]
    assert door.ask("POST", "/admin/keys/rotate")["sealing_epoch"] == before + 1
    assert door.ask("POST", "/admin/keys/rotate")["sealing_epochs"][-2:] == [before + 1, before + 2]
