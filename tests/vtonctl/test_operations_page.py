"""``docs/operations.md`` and ``docs/security.md`` say what is true: commands are typed here."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml
from filelock import FileLock, Timeout

from vtonctl import app
from vtonctl.runs.ledger import Row, open_ledger
from vtonctl.runs.lock import hold
from vtonctl.runs.rundir import RunDir
from vtonctl.show import metrics
from vtonctl.show.files_json import LogLine

REPO = Path(__file__).resolve().parents[2]
PAGE = (REPO / "docs" / "operations.md").read_text("utf-8")
SECURITY = (REPO / "docs" / "security.md").read_text("utf-8")


def blocks(language):
    """The code blocks of the page in a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def block(language, words):
    (found,) = [text for text in blocks(language) if words in text]
    return found


def command_lines():
    """What follows ``vtonctl`` in every line of the page that types it."""
    return [
        shlex.split(rest.partition("vtonctl ")[2])
        for text in (*blocks("cron"), *blocks("ini"), *blocks("console"))
        for rest in re.findall(r"(?:^|&& |=|bin/)((?:/[\w./-]*)?vtonctl (?:\w|--).*)$", text, re.M)
    ]


def test_every_command_line_is_understood():
    known = typer.main.get_command(app.build()).commands
    lines = command_lines()
    assert {line[0] for line in lines} == {"tryon", "status", "retry", "doctor"}
    for name, *arguments in lines:
        flags = {option for param in known[name].params for option in param.opts}
        assert {a for a in arguments if a.startswith("--")} <= flags, arguments


def test_every_metric_is_described_with_its_type(tmp_path):
    told = dict(re.findall(r"^\| `(vtonctl_\w+)` \| (\w+) \|", PAGE, re.MULTILINE))
    families = [f for f in vars(metrics).values() if isinstance(f, metrics._Family)]
    assert told == {family.name: family.kind for family in families}
    outcomes = PAGE.partition("`outcome` is ")[2].partition(". The counters")[0]
    assert set(re.findall(r"`(\w+)`", outcomes)) == set(metrics.STATUSES)


def test_the_alerts_ask_for_metrics_that_are_there():
    (group,) = yaml.safe_load(block("yaml", "groups:"))["groups"]
    told = set(re.findall(r"^\| `(vtonctl_\w+)`", PAGE, re.MULTILINE))
    for rule in group["rules"]:
        assert set(re.findall(r"vtonctl_\w+", rule["expr"])) <= told


def test_every_field_of_the_log_is_described(published):
    rows = PAGE.partition("| field | |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", rows)) >= set(LogLine.model_fields)
    example = json.loads(block("json", '"event"').replace("\n", " "))
    published("LogLine", example)


def test_the_line_of_cron_has_five_times_and_a_user():
    line = blocks("cron")[0].splitlines()[-1]
    assert re.fullmatch(r"(?:[\d*/,-]+\s+){5}vton\s+cd \S+ && vtonctl .*", line)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is absent")
def test_systemd_takes_unit_and_timer(tmp_path):
    service = block("ini", "[Service]").replace("/opt/vtonctl/bin/vtonctl", "/bin/true")
    (tmp_path / "vtonctl-shop.service").write_text(service.replace("User=vton\n", ""))
    (tmp_path / "vtonctl-shop.timer").write_text(block("ini", "[Timer]"))
    units = [str(tmp_path / f"vtonctl-shop.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert "vtonctl-shop" not in done.stderr, done.stderr
    assert "vtonctl-shop" not in done.stdout


def rows_of(rundir):
    ledger = open_ledger(rundir, lambda note: None)
    found = ledger.rows("scope")
    ledger.close()
    return found


@pytest.mark.skipif(shutil.which("flock") is None, reason="flock (util-linux) is absent")
def test_the_backup_comes_back(tmp_path):
    out = RunDir(tmp_path / "out")
    with hold(out, "tryon"):
        ledger = open_ledger(out, lambda note: None)
        ledger.record("scope", [Row("tryon", f"p__{n}", "done") for n in range(3)])
        ledger.close()
    before = rows_of(out)
    (save,) = [text for text in blocks("console") if "--create" in text]
    restore = block("console", "--extract").splitlines()[0]
    subprocess.run(save, shell=True, check=True, cwd=tmp_path)
    shutil.rmtree(out.root)
    subprocess.run(restore, shell=True, check=True, cwd=tmp_path)
    assert rows_of(out) == before and len(before) == 3


@pytest.mark.skipif(shutil.which("flock") is None, reason="flock (util-linux) is absent")
def test_the_backup_and_a_run_exclude_each_other(tmp_path):
    """The lock of a run is the one that flock takes."""
    out = RunDir(tmp_path / "out")
    with hold(out, "tryon"):
        command = ["flock", "--nonblock", str(out.lock), "true"]
        assert subprocess.run(command).returncode != 0
    code = "import sys; sys.stdout.write('held'); sys.stdout.flush(); sys.stdin.read()"
    holder = subprocess.Popen(
        ["flock", str(out.lock), sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.read(4) == "held"
        with pytest.raises(Timeout):
            FileLock(str(out.lock), timeout=0).acquire()
    finally:
        holder.communicate()


def test_every_claim_of_security_points_at_something_there():
    table = SECURITY.partition("| Held by |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(table) >= 12
    for row in table:
        places = re.findall(r"`([\w./]+\.(?:py|j2))`", row.rpartition(" | ")[2] or row)
        assert places and all((REPO / place).is_file() for place in places), row
