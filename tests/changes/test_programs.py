"""Programs on a machine of their own: whatever they do, what is known of them afterwards, and how often they run."""

from __future__ import annotations

import json
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest
from machine import Machine
from scratch import make_seed

pytestmark = pytest.mark.usefixtures("as_root")
ONLY = "disable: [users, network, ssh_keys, growth, hostname]\n"


def write_seed(folder: Path, instance: str, *parts: tuple[str, str, str]) -> str:
    """A seed whose user data are these parts: type, name, content."""
    document = MIMEMultipart()
    for subtype, name, content in parts:
        part = MIMEText(content, subtype)
        part.add_header("Content-Disposition", "attachment", filename=name)
        document.attach(part)
    source = make_seed(folder, user_data=None, network=False, instance_id=instance)
    (folder / "user-data").write_bytes(document.as_bytes())
    return source


def test_whatever_a_script_does(tmp_path: Path) -> None:
    """One that kills its parent, fails, or has no interpreter costs only itself; codes and seconds are told."""
    source = write_seed(
        tmp_path / "seed",
        "i-1",
        ("x-shellscript", "polite", "#!/bin/sh\nkill $PPID; kill -INT $PPID; sleep 0.2\n"),
        ("x-shellscript", "rude", "#!/bin/sh\nkill -9 $PPID\n"),
        ("x-shellscript", "lost", "#!/opt/nowhere/interpreter\n"),
        ("x-shellscript", "signal", "#!/bin/sh\nkill -TERM $$\n"),
        ("x-shellscript", "fails", "#!/bin/sh\nexit 7\n"),
        ("x-shellscript", "misses", "#!/bin/sh\nno-such-program\n"),
        (
            "x-shellscript",
            "last",
            '#!/bin/sh\necho "$INSTANCE_ID $OVFINIT_DATASOURCE $HOME $PATH $(pwd)" > /tmp/last\n',
        ),
    )
    (tmp_path / "only.yaml").write_text(ONLY)
    told = Machine(tmp_path / "machine").script(
        f"$OVFINIT apply --from {source} --config {tmp_path}/only.yaml --json || echo code $? >&2; cat /tmp/last >&2"
    )
    status = json.loads(told.out)
    codes = {script["name"].partition("-")[2][4:]: script["exit_code"] for script in status["scripts"]}
    assert codes == {"polite": 0, "rude": None, "lost": None, "signal": -15, "fails": 7, "misses": 127, "last": 0}
    assert next(one for one in status["scripts"] if "polite" in one["name"])["seconds"] >= 0.2
    messages = "\n".join(f"{error['where']} {error['message']}" for error in status["errors"])
    assert "killed the process that waited for it" in messages
    assert "the interpreter '/opt/nowhere/interpreter' is not there" in messages
    assert "was killed by signal 15" in messages
    assert "ended with exit code 7; its output is in" in messages
    assert "ended with exit code 127 (a program was not found); its output is in" in messages
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert told.err.splitlines()[-2:] == ["code 1", f"i-1 seed /root {path} /"]


def test_how_often_programs_run(tmp_path: Path) -> None:
    """Once a boot however often one applies, once per instance, once in the life of the machine."""
    parts = [
        (f"x-shellscript-per-{when}", when, f"#!/bin/sh\necho {when} >> /tmp/ran\n")
        for when in ("boot", "instance", "once")
    ]
    hook = ("cloud-boothook", "hook", "#cloud-boothook\necho hook >> /tmp/ran\n")
    first = write_seed(tmp_path / "one", "i-1", *parts, hook)
    second = write_seed(tmp_path / "two", "i-2", *parts)
    (tmp_path / "only.yaml").write_text(ONLY)
    apply = f"$OVFINIT apply --quiet --config {tmp_path}/only.yaml --from"
    # a container that starts again on the same kernel: another first process
    told = Machine(tmp_path / "machine").script(
        f"export OVFINIT; {apply} {first}; {apply} {first}; echo --- >> /tmp/ran\n"
        f"sleep 0.1; unshare --pid --fork --mount-proc sh -c '{apply} {first}'; echo --- >> /tmp/ran\n"
        f"{apply} {second}; cat /tmp/ran"
    )
    boots = told.out.split("---\n")
    assert boots[0].split() == ["hook", "boot", "instance", "once"]
    assert sorted(boots[1].split()) == ["boot", "hook"], "another boot"
    assert sorted(boots[2].split()) == ["boot", "instance"], "another instance; once is once"


def test_what_ends_the_machine_is_not_started_for_ever(tmp_path: Path) -> None:
    """A script that ends us with it is started three times; then it is reported, and the others run."""
    source = write_seed(
        tmp_path / "seed",
        "i-1",
        ("x-shellscript", "killer", "#!/bin/sh\necho x >> /tmp/killed\nkill -9 $(cat /tmp/program)\n"),
        ("x-shellscript", "other", "#!/bin/sh\necho other >> /tmp/killed\n"),
    )
    (tmp_path / "only.yaml").write_text(ONLY)
    once = f"sh -c 'echo $$ > /tmp/program; exec $OVFINIT apply --quiet --from {source} --config {tmp_path}/only.yaml'"
    told = Machine(tmp_path / "machine").script(
        f"export OVFINIT; for run in 1 2 3 4; do {once} || true; done; cat /tmp/killed"
    )
    assert told.out.split() == ["x", "x", "x", "other"]
    assert "was started 3 times and its end was never seen" in told.err


def test_status_shows_what_runs(tmp_path: Path) -> None:
    """While a script runs, the status says which and since when."""
    source = write_seed(tmp_path / "seed", "i-1", ("x-shellscript", "slow", "#!/bin/sh\n$LOOK > /tmp/seen\n"))
    user_data = tmp_path / "seed/user-data"
    text = user_data.read_text().replace("$LOOK", "cat /run/ovfinit/status.json")
    user_data.write_text(text)
    (tmp_path / "only.yaml").write_text(ONLY)
    told = Machine(tmp_path / "machine").script(
        f"$OVFINIT apply --quiet --from {source} --config {tmp_path}/only.yaml; cat /tmp/seen; $OVFINIT status >&2"
    )
    seen = json.loads(told.out)
    assert seen["status"] == "running"
    assert seen["running"]["name"] == "part-001-slow"
    assert seen["running"]["since"].endswith("Z")
    assert "script part-001-slow: exit code 0 after" in told.err
    assert "runs since" not in told.err


def test_a_random_password_is_on_the_console_and_nowhere_else(tmp_path: Path) -> None:
    """It has twenty characters, opens the account, and no file, status or output has it but the console."""
    make_seed(
        tmp_path / "seed",
        user_data="#cloud-config\nchpasswd: {expire: false, users: [{name: games, type: RANDOM}]}\n",
        network=False,
    )
    (tmp_path / "only.yaml").write_text("disable: [users, network, ssh_keys, growth, hostname]\n")
    told = Machine(tmp_path / "machine").script(
        f"cp -r {tmp_path}/seed {tmp_path}/only.yaml /tmp\n"
        "mount -t tmpfs none /dev; mknod /dev/null c 1 3; mknod /dev/urandom c 1 9; : > /dev/console\n"
        "$OVFINIT apply --from seed:/tmp/seed --config /tmp/only.yaml --json; $OVFINIT status --json\n"
        "grep games /etc/shadow; cat /dev/console >&2; word=$(sed -n 's/.*games is //p' /dev/console | tr -d '\\r')\n"
        'echo length ${#word}; grep -rlF -e "$word" /var/log /var/lib/ovfinit /run/ovfinit || echo nowhere else\n'
    )
    assert "length 20" in told.out, told
    assert "nowhere else" in told.out
    assert "games:$" in told.out
    word = told.err.partition("games is ")[2].split()[0]
    assert word not in told.out


def test_a_boot_has_the_stages_that_user_data_needs(tmp_path: Path) -> None:
    """Only what wants a network makes a network stage; all that ran in any stage is in the one status."""
    script = ("x-shellscript", "script", "#!/bin/sh\necho script >> /tmp/ran\n")
    hook = ("cloud-boothook", "hook", "#cloud-boothook\necho hook >> /tmp/ran\n")
    for name, parts, stages in (
        ("with", (script, hook), ["local", "network", "final"]),
        ("without", (script,), ["local", "final"]),
    ):
        source = write_seed(tmp_path / name, "i-1", *parts)
        (tmp_path / "only.yaml").write_text(ONLY)
        told = Machine(tmp_path / f"{name}-machine").script(
            f"$OVFINIT daemon --from {source} --config {tmp_path}/only.yaml; cat /run/ovfinit/status.json"
        )
        status = json.loads(told.out)
        assert status["status"] == "done"
        assert list(dict.fromkeys(status["stages"])) == stages
        assert len(status["scripts"]) == len(parts)
        assert {one["exit_code"] for one in status["scripts"]} == {0}


def test_a_boot_waits_for_its_includes(tmp_path: Path) -> None:
    """An include that is not there is asked for in the network stage, and reported; the rest is as it was chosen."""
    source = write_seed(
        tmp_path / "seed",
        "i-1",
        ("x-include-url", "urls", "#include\nhttp://127.0.0.1:8099/nothing\n"),
        ("x-shellscript", "script", "#!/bin/sh\necho script\n"),
    )
    (tmp_path / "only.yaml").write_text(ONLY)
    (tmp_path / "strict.yaml").write_text(ONLY + "user_data: {include_failure: stop}\n")
    for settings, ran, word in (("only", ["part-002-script"], "done with warnings"), ("strict", [], "failed")):
        told = Machine(tmp_path / f"{settings}-machine").script(
            "ip link set lo up; cd /var/empty 2> /dev/null || cd /srv; python3 -m http.server 8099 > /dev/null 2>&1 &\n"
            "until ss -ltn | grep -q :8099; do sleep 0.05; done\n"
            f"$OVFINIT daemon --from {source} --config {tmp_path}/{settings}.yaml || true; cat /run/ovfinit/status.json"
        )
        status = json.loads(told.out)
        assert [one["name"] for one in status["scripts"]] == ran
        assert status["status"] == word
        assert "http://127.0.0.1:8099/nothing" in json.dumps(status["findings"])
