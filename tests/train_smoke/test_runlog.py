import json

from gristmill.train_smoke import runlog

RECORD = {
    "step": 120, "loss": 4.1032, "val": 4.12, "bpb": 1.31, "lr": 0.02, "norm": 0.41,
    "tokens_per_second": 48970.4, "mfu": None, "gib": 0.42, "eta_seconds": 181.0,
}  # fmt: skip


def test_line():
    assert runlog.line(RECORD, 2000) == (
        "step 120/2000 | loss 4.1032 | val 4.1200 | bpb 1.310 | lr 2.0e-02 | norm 0.41 | "
        "48,970 tok/s | mfu n/a | 0.4 GiB | eta 3m"
    )
    assert "mfu 42.3% | 0.4 GiB | eta 1h02m" in runlog.line(
        RECORD | {"mfu": 0.423, "eta_seconds": 3700}, 2000
    )


def test_a_resumed_log_has_each_step_once(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"step": 5}\n{"step": 10}\n{"step": 15}\n{"ste')
    said = []
    log = runlog.RunLog(path, after=10, steps=20, log=said.append)
    log.record(RECORD | {"step": 15})
    log.sample(15, "a\nb")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [r["step"] for r in records] == [5, 10, 15, 15]
    assert said[1] == "sample at step 15: 'a\\nb'"
    runlog.RunLog(path, after=0, steps=20, log=said.append)
    assert path.read_text() == ""
