"""Names, users, keys, passwords, files and commands of one cloud-config, through the program: in a tree and live."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scratch import KEY, OTHER_KEY, differences, make_seed, snapshot

HASH = "$6$saltsalt$vuKDCPYgbGhpzHTEDFdvIvFOEVJgbIJnsvuYQVCmXdDOeQgrCJLOGcCKcE2Zt1aj6KMuAuAjpSAZI7Ts2VuPW0"
SECRETS = ("correct horse", "battery staple", HASH, "hushhush", "token-4711")
CONFIG = f"""\
#cloud-config
hostname: db7
fqdn: db7.example.net
manage_etc_hosts: localhost
groups:
- admingroup: [root, bob]
- cloud-users
users:
- default
- name: bob
  gecos: Bob B. Bobson
  homedir: /srv/bob
  primary_group: staff2
  groups: docker, adm
  expiredate: 2030-12-31
  inactive: '5'
  lock_passwd: false
  passwd: {HASH}
  shell: /bin/zsh
  uid: 1500
  sudo: ALL=(root) NOPASSWD:/bin/df
  ssh_authorized_keys: ['{OTHER_KEY}']
- {{name: svc, system: true, no_user_group: true}}
- {{name: John.Doe, plain_text_passwd: battery staple, sudo: ALL=ALL, doas: [permit nopass John.Doe]}}
- {{name: old, ssh_redirect_user: true}}
chpasswd:
  expire: false
  users:
  - {{name: svc, password: correct horse, type: text}}
  - {{name: old, type: RANDOM}}
ssh_authorized_keys: ['{OTHER_KEY}']
ssh_pwauth: true
ssh_genkeytypes: [ed25519]
write_files:
- {{path: /etc/app/token, content: hushhush, owner: 'bob:cloud-users', permissions: '0640'}}
- {{path: /srv/bob/.profile, content: 'umask 077', owner: bob}}
- {{path: /etc/skel/.house, content: rules}}
- {{path: /etc/app/secret, content: hushhush, permissions: '0600'}}
- {{path: /etc/hosts.allow, content: 'sshd: ALL', append: true}}
- {{path: /etc/late, content: 'late', defer: true}}
- {{path: /etc/far, source: {{uri: 'http://127.0.0.1:9/x', headers: {{X-Token: token-4711}}}}}}
bootcmd: [echo token-4711 early]
runcmd: [cd /srv, [ls, -l]]
"""


@pytest.fixture
def source(tmp_path: Path) -> str:
    """The seed with all of it."""
    return make_seed(tmp_path / "seed", user_data=CONFIG, network=False)


def owner(path: Path) -> tuple[int, int, str]:
    """Who has a file, and its mode."""
    status = path.lstat()
    return status.st_uid, status.st_gid, oct(stat.S_IMODE(status.st_mode))


def lines(path: Path) -> dict[str, list[str]]:
    """The fields of an account file by name."""
    return {line.partition(":")[0]: line.split(":") for line in path.read_text().splitlines()}


@pytest.mark.skipif(os.geteuid() != 0, reason="accounts need root")
def test_all_of_it_in_a_tree(tree: Path, ovfinit: Any, source: str) -> None:
    """Users, rights, keys and files are in the tree as asked, what needs a machine waits, no secret shows."""
    before = snapshot(tree, times="none")
    words = ("--root", tree, "--from", source)
    planned = ovfinit("plan", *words, "--json")
    assert snapshot(tree, times="none") == before
    kinds = {(change["kind"], change["action"], change["deferred"]) for change in planned.json["changes"]}
    assert {("run", "run", True), ("fetch", "create", True), ("password", "update", True)} <= kinds
    told = [ovfinit("plan", *words), ovfinit("apply", *words, "--json")]

    passwd, shadow, group = (lines(tree / "etc" / name) for name in ("passwd", "shadow", "group"))
    assert passwd["bob"][2:] == ["1500", group["staff2"][2], "Bob B. Bobson", "/srv/bob", "/bin/zsh"]
    assert shadow["bob"][1] == HASH
    assert shadow["bob"][6:8] == ["5", "22279"]
    assert int(passwd["svc"][2]) < 1000
    assert shadow["svc"][1].startswith("$6$")
    assert shadow["John.Doe"][1].startswith("!$6$")
    assert shadow["old"][1].startswith("!")
    members = {name: group[name][3] for name in ("admingroup", "docker", "cloud-users", "adm")}
    assert members == {"admingroup": "root,bob", "docker": "bob", "cloud-users": "", "adm": "debian,bob"}
    assert not (tree / "home/svc").exists()
    assert (tree / "home/debian/.house").read_text() == "rules"

    bob, users = int(passwd["bob"][2]), int(group["cloud-users"][2])
    assert owner(tree / "etc/app/token") == (bob, users, "0o640")
    assert owner(tree / "etc/app/secret") == (0, 0, "0o600")
    assert owner(tree / "srv/bob") == (bob, int(group["staff2"][2]), "0o700")
    assert owner(tree / "srv/bob/.profile")[0] == bob
    assert owner(tree / "srv/bob/.ssh/authorized_keys") == (bob, int(group["staff2"][2]), "0o600")
    assert OTHER_KEY in (tree / "srv/bob/.ssh/authorized_keys").read_text()
    assert (tree / "home/debian/.ssh/authorized_keys").read_text().splitlines()[1:3] == [KEY, OTHER_KEY]
    assert 'rather than the user \\"old\\"' in (tree / "home/old/.ssh/authorized_keys").read_text()
    assert (tree / "etc/hostname").read_text() == "db7\n"
    assert "127.0.1.1 db7.example.net db7\n" in (tree / "etc/hosts").read_text()
    assert (tree / "etc/late").read_text() == "late"
    assert not (tree / "etc/far").exists()
    assert (tree / "etc/doas.conf").read_text() == "# BEGIN ovfinit\npermit nopass John.Doe\n# END ovfinit\n"
    keys = [path.name for path in (tree / "etc/ssh").glob("ssh_host_*_key")]
    assert keys == ["ssh_host_ed25519_key"]
    staged = tree / "var/lib/ovfinit/instances/i-1/scripts"
    assert {path.name: owner(path)[2] for path in staged.iterdir()} == dict.fromkeys(
        ("bootcmd-001", "runcmd-001", "runcmd-002"), "0o700"
    )
    assert (staged / "runcmd-002").read_text() == "#!/bin/sh\nls -l\n"
    visudo = shutil.which("visudo", path="/usr/sbin:/sbin:/usr/bin")
    if visudo:
        judged = subprocess.run([visudo, "-cf", tree / "etc/sudoers.d/90-ovfinit"], capture_output=True, check=False)
        assert judged.returncode == 0, judged

    second = ovfinit("apply", *words, "--json")
    assert not [name for name, duty in second.json["handlers"].items() if duty["changed"]]
    assert ovfinit("plan", *words).out.endswith("Nothing to do.\n")
    told += [second, ovfinit("status", "--root", tree, "--json")]
    readable = [path for path in (tree / "run/ovfinit", tree / "var/log") for path in path.rglob("*") if path.is_file()]
    shown = "".join(result.out + result.err for result in told) + "".join(path.read_text() for path in readable)
    for secret in SECRETS:
        assert secret not in shown

    ovfinit("undo", "--root", tree)
    assert differences(before, snapshot(tree, times="none")) == ""


SCRIPT = """
{program} apply --from {source} --config {own} --json > /tmp/first; echo code $?
id bob; sudo -l -U bob | tail -1; grep -c hushhush /etc/app/token; cat /tmp/out; cat /etc/early
{program} apply --from {source} --config {own} --json > /tmp/second; echo code $?; cat /tmp/out
echo ---; cat /tmp/first; echo; echo ---; cat /tmp/second; echo; echo ---
"""
LIVE = """\
#cloud-config
users: [{name: bob, groups: adm, sudo: ALL=(root) NOPASSWD:/bin/df, plain_text_passwd: battery staple}]
write_files: [{path: /etc/app/token, content: hushhush, owner: 'bob:bob'}]
bootcmd: ['echo "$INSTANCE_ID" > /etc/early']
runcmd:
- cd /etc/app
- X=kept
- [sh, -c, 'exit 7']
- nosuchprogram
- exit 3
- 'echo "$PWD $X" >> /tmp/out'
- cd /etc/app
- 'ls >> /tmp/out'
"""


def test_all_of_it_live(machine: Any, tmp_path: Path) -> None:
    """On a machine commands run in order and once, one folder lasting to the next, each with its own exit code."""
    source = make_seed(tmp_path / "seed", user_data=LIVE, network=False)
    own = tmp_path / "own.yaml"
    own.write_text("disable: [network, ssh_keys, growth]\n")
    script = tmp_path / "script"
    script.write_text(SCRIPT.format(program=f"{sys.executable} -m ovfinit", source=source, own=own))
    result = machine(f"cd /; sh {script}")
    told, first, second, _ = result.stdout.split("---\n")
    assert told.splitlines()[0] == "code 1", result
    assert "(bob)" in told
    assert "4(adm)" in told
    assert "(root) NOPASSWD: /bin/df" in told or "sudo" in result.stderr
    assert told.splitlines()[-7:] == ["1", "/ ", "token", "i-1", "code 0", "/ ", "token"], told
    for text in (first, second):
        known = json.loads(text)
        codes = {script["name"]: script["exit_code"] for script in known["scripts"]}
        assert codes == {
            "bootcmd-001": 0,
            **{f"runcmd-{number:03}": code for number, code in enumerate((0, 0, 7, 127, 3, 0, 0, 0), 1)},
        }
        assert all(script["seconds"] is not None for script in known["scripts"])
    assert "battery staple" not in result.stdout + result.stderr


KILLED = """\
#cloud-config
runcmd:
- echo first >> /tmp/out
- kill -9 $(cut -d" " -f4 /proc/$PPID/stat); sleep 0.2; echo second >> /tmp/out
- echo third >> /tmp/out
"""


def test_a_list_that_was_interrupted(machine: Any, tmp_path: Path) -> None:
    """Killed in the middle of runcmd, nothing of it is run a second time, and the rest is not run out of its place."""
    source = make_seed(tmp_path / "seed", user_data=KILLED, network=False)
    own = tmp_path / "own.yaml"
    own.write_text("disable: [network, ssh_keys, growth, users]\n")
    call = f"{sys.executable} -m ovfinit apply --from {source} --config {own}"
    result = machine(f"cd /; {call}; echo code $?; sleep 0.5; {call} > /dev/null; echo code $?; cat /tmp/out")
    assert result.stdout.splitlines()[-4:] == ["code 137", "code 0", "first", "second"], result
    assert "runcmd[1]: never ended; it and those after it are not run again" in result.stderr
