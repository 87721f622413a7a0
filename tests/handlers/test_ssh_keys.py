"""The host key duty: which keys are made and which go, and what sshd makes of our settings file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from handlers.cloudconfig import handed, typed
from scratch import KEY

from ovfinit.apply.identity import quick_pairs
from ovfinit.changes import FINAL, LOCAL, Announce, Call, Change, MakeHostKey, RemoveFile, WriteFile
from ovfinit.config import Config, SshConfig, UserConfig
from ovfinit.fingerprint import fingerprint
from ovfinit.handlers import ssh_keys
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem
from ovfinit.state import Past

SETTINGS = "/etc/ssh/sshd_config.d/50-ovfinit.conf"


def wanted(root: Path, past: Past | None = None, **settings: object) -> list[Change]:
    """The changes for these settings."""
    config = Config(ssh=SshConfig(**settings))
    return list(ssh_keys.changes(Metadata(), config, Host(str(root)), past or Past()))


def test_new_instance_gets_new_keys(tmp_path: Path) -> None:
    """Both types are made in the local stage, before sshd starts."""
    assert wanted(tmp_path) == [
        MakeHostKey("ssh_keys", "/etc/ssh/ssh_host_ed25519_key", LOCAL, type="ed25519"),
        MakeHostKey("ssh_keys", "/etc/ssh/ssh_host_ecdsa_key", LOCAL, type="ecdsa"),
    ]


def test_rsa_waits(tmp_path: Path) -> None:
    """An RSA key, which takes long, is made after the rest of the boot."""
    keys = wanted(tmp_path, host_keys=("rsa", "ed25519"))
    assert [(key.target[-11:], key.stage) for key in keys] == [("ost_rsa_key", FINAL), ("ed25519_key", LOCAL)]


def test_other_types_go_once(tmp_path: Path) -> None:
    """Keys of other types, certificates included, are the image's: they go with the first boot of an instance only."""
    folder = tmp_path / "etc/ssh"
    folder.mkdir(parents=True)
    for name in ("ssh_host_rsa_key", "ssh_host_rsa_key.pub", "ssh_host_rsa_key-cert.pub", "ssh_host_ecdsa_key"):
        (folder / name).write_text("")
    for name in ("moduli", "sshd_config", "ssh_host_notes"):
        (folder / name).write_text("")
    gone = [change.target for change in wanted(tmp_path) if isinstance(change, RemoveFile)]
    assert gone == [f"/etc/ssh/ssh_host_rsa_key{end}" for end in ("", "-cert.pub", ".pub")]
    later = wanted(tmp_path, Past(new=False, done={"ssh_keys": {}}))
    assert not [change for change in later if isinstance(change, RemoveFile)]


def test_no_types_leave_the_keys_alone(tmp_path: Path) -> None:
    """`host_keys: []` touches nothing."""
    (tmp_path / "etc/ssh").mkdir(parents=True)
    (tmp_path / "etc/ssh/ssh_host_rsa_key").write_text("")
    assert wanted(tmp_path, host_keys=()) == []


@pytest.mark.parametrize(("answer", "word"), [(True, "yes"), (False, "no")])
def test_password_authentication(tmp_path: Path, answer: bool, word: str) -> None:
    """The settings file says what the admin said, and sshd accepts it."""
    file = wanted(tmp_path, host_keys=(), password_authentication=answer)[0]
    assert isinstance(file, WriteFile)
    assert (file.target, file.mode) == ("/etc/ssh/sshd_config.d/50-ovfinit.conf", 0o600)
    sshd = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin:/usr/local/sbin")
    keygen = shutil.which("ssh-keygen")
    if sshd is None or keygen is None:
        pytest.skip("sshd is not installed")
    settings, key = tmp_path / "sshd_config", tmp_path / "key"
    settings.write_bytes(file.content)
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    # sshd insists on a folder that its service makes at boot
    ready = "mount -t tmpfs none /run && mkdir -m 755 /run/sshd && "
    command = f"{ready if os.geteuid() == 0 else ''}exec {sshd} -T -f {settings} -h {key}"
    apart = ["unshare", "--mount"] if os.geteuid() == 0 else []
    told = subprocess.run([*apart, "sh", "-c", command], capture_output=True, check=False, text=True)
    if "mount" in told.stderr or "privilege separation" in told.stderr.lower():
        pytest.skip("sshd does not run here")
    assert told.returncode == 0, told.stderr
    assert f"passwordauthentication {word}\n" in told.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Keys and a host certificate as ssh-keygen writes them, by the names that cloud-config has for them."""
    keygen = shutil.which("ssh-keygen")
    if keygen is None:
        pytest.skip("ssh-keygen is not installed")
    folder = tmp_path_factory.mktemp("keys")
    found = {}
    for kind, more in (("ed25519", ()), ("ecdsa", ()), ("rsa", ("-b", "2048", "-m", "PEM"))):
        subprocess.run([keygen, "-q", "-t", kind, "-N", "", "-C", "here", "-f", folder / kind, *more], check=True)
        found[f"{kind}_private"] = (folder / kind).read_text()
        found[f"{kind}_public"] = (folder / f"{kind}.pub").read_text()
    subprocess.run(
        [keygen, "-q", "-s", folder / "ecdsa", "-h", "-I", "host", "-n", "web1", folder / "ed25519.pub"], check=True
    )
    found["ed25519_certificate"] = (folder / "ed25519-cert.pub").read_text()
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "word", "-f", folder / "closed"], check=True)
    found["closed"] = (folder / "closed").read_text()
    return found


def asked(root: Path, past: Past | None = None, /, **config: object) -> list[Change | Problem]:
    """The changes for a cloud-config in which nothing is off."""
    data = handed(ssh_keys, json.dumps(config))
    return list(ssh_keys.changes(Metadata(), Config(), Host(str(root)), past or Past(), data))


def test_given_keys_take_the_place_of_new_ones(tmp_path: Path, made: dict[str, str]) -> None:
    """Private keys are root's alone, public halves are made where they are missing, the certificate is told to sshd."""
    (tmp_path / "etc/ssh").mkdir(parents=True)
    for name in ("ssh_host_ecdsa_key", "ssh_host_ed25519_key-cert.pub", "ssh_host_rsa_key-cert.pub"):
        (tmp_path / "etc/ssh" / name).touch()
    names = ("ed25519_private", "ed25519_public", "ed25519_certificate", "rsa_private")
    changes = asked(tmp_path, ssh_keys={name: made[name] for name in names})
    assert not [change for change in changes if isinstance(change, MakeHostKey)]
    gone = [change.target for change in changes if isinstance(change, RemoveFile)]
    assert gone == ["/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_rsa_key-cert.pub"]
    files = {change.target: change for change in changes if isinstance(change, WriteFile)}
    base = "/etc/ssh/ssh_host_"
    assert {path: (file.mode, file.secret) for path, file in files.items()} == {
        f"{base}rsa_key": (0o600, True),
        f"{base}rsa_key.pub": (0o644, False),
        f"{base}ed25519_key": (0o600, True),
        f"{base}ed25519_key.pub": (0o644, False),
        f"{base}ed25519_key-cert.pub": (0o644, False),
        SETTINGS: (0o600, False),
    }
    assert files[f"{base}rsa_key.pub"].content.decode().split()[:2] == made["rsa_public"].split()[:2]
    assert files[f"{base}ed25519_key"].content.decode() == made["ed25519_private"]
    assert b"HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub\n" in files[SETTINGS].content
    later = asked(tmp_path, Past(new=False, done={"ssh_keys": {}}), ssh_keys={name: made[name] for name in names})
    assert [change.target for change in later] == [SETTINGS]


@pytest.mark.parametrize(
    ("private", "public", "message"),
    [
        ("closed", None, "ssh_keys.ed25519_private: is damaged, or needs a passphrase; left out"),
        ("ed25519_private", "rsa_public", "ssh_keys.ed25519_public: is not that of ed25519_private; both are left out"),
        (None, "ed25519_public", "ssh_keys.ed25519_public: is of no use without ed25519_private; left out"),
    ],
)
def test_given_keys_of_no_use(
    tmp_path: Path, made: dict[str, str], private: str | None, public: str | None, message: str
) -> None:
    """A pair that sshd could not use is reported, and the machine gets keys of its own."""
    keys = {"ed25519_private": private and made[private], "ed25519_public": public and made[public]}
    changes = asked(tmp_path, ssh_keys={name: text for name, text in keys.items() if text})
    assert [f"{item.field}: {item.message}" for item in changes if isinstance(item, Problem)] == [message]
    assert [change.type for change in changes if isinstance(change, MakeHostKey)] == ["ed25519", "ecdsa"]


def test_types_that_are_wanted(tmp_path: Path) -> None:
    """`ssh_genkeytypes` goes before the admin's types, whatever is said about quietness."""
    changes = asked(tmp_path, ssh_genkeytypes=["rsa"], ssh_quiet_keygen=True)
    assert changes == [MakeHostKey("ssh_keys", "/etc/ssh/ssh_host_rsa_key", FINAL, type="rsa")]


def test_the_images_keys_may_stay(tmp_path: Path) -> None:
    """`ssh_deletekeys: false` keeps what is there and makes what is missing."""
    (tmp_path / "etc/ssh").mkdir(parents=True)
    for name in ("ssh_host_rsa_key", "ssh_host_ed25519_key"):
        (tmp_path / "etc/ssh" / name).touch()
    assert asked(tmp_path, ssh_deletekeys=False) == [
        MakeHostKey("ssh_keys", "/etc/ssh/ssh_host_ecdsa_key", type="ecdsa")
    ]


@pytest.mark.parametrize(("word", "line"), [(True, b"yes"), (False, b"no"), ("unchanged", None)])
def test_passwords_for_sshd(tmp_path: Path, word: bool | str, line: bytes | None) -> None:
    """`ssh_pwauth` goes before the admin's setting, and `unchanged` leaves sshd's own."""
    settings = Config(ssh=SshConfig(host_keys=(), password_authentication=True))
    data = handed(ssh_keys, json.dumps({"ssh_pwauth": word}))
    changes = list(ssh_keys.changes(Metadata(), settings, Host(str(tmp_path)), Past(), data))
    if line is None:
        assert changes == []
    else:
        (file,) = changes
        assert isinstance(file, WriteFile)
        assert file.content.endswith(b"PasswordAuthentication " + line + b"\n")


def test_what_spoils_our_settings(tmp_path: Path) -> None:
    """A main file that does not include ours, and a file that comes before it, are reported with what to do."""
    folder = tmp_path / "etc/ssh/sshd_config.d"
    folder.mkdir(parents=True)
    main = tmp_path / "etc/ssh/sshd_config"
    main.write_text("UsePAM yes\n")
    (folder / "50-cloud-init.conf").write_text("passwordauthentication=no\n")
    (folder / "99-last.conf").write_text("PasswordAuthentication no\n")
    found = [item for item in asked(tmp_path, ssh_pwauth=True) if isinstance(item, Problem)]
    assert [item.where for item in found] == ["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/50-cloud-init.conf"]
    main.write_text("Include /etc/ssh/sshd_config.d/*.conf\n")
    (folder / "50-cloud-init.conf").unlink()
    assert not [item for item in asked(tmp_path, ssh_pwauth=True) if isinstance(item, Problem)]


def test_a_running_sshd_is_told(tmp_path: Path) -> None:
    """Where sshd runs already and its settings change, it is told to read them, once."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run/sshd.pid").touch()
    (call,) = (item for item in asked(tmp_path, ssh_pwauth=True) if isinstance(item, Call))
    assert call.command == ("systemctl", "try-reload-or-restart", "sshd.service")
    (tmp_path / "etc/ssh/sshd_config.d").mkdir(parents=True)
    (tmp_path / "etc/ssh/sshd_config.d/50-ovfinit.conf").write_text(
        "# Written by ovfinit.\nPasswordAuthentication yes\n"
    )
    assert not [item for item in asked(tmp_path, ssh_pwauth=True) if isinstance(item, Call)]


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path, made: dict[str, str]) -> None:
    """For each digest the console shows what ssh-keygen -l shows."""
    for name in ("ed25519_public", "rsa_public", "ecdsa_public"):
        (tmp_path / "key").write_text(made[name])
        for digest in ("sha256", "sha512", "md5"):
            command = ["ssh-keygen", "-l", "-E", digest, "-f", tmp_path / "key"]
            told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
            assert fingerprint(made[name], digest) == told.partition(" ")[2].strip()
    assert fingerprint("nonsense") is None
    assert fingerprint("ssh-rsa %%%") is None


def test_who_can_log_in_is_shown_once() -> None:
    """On the running machine a new instance's console shows each key of the users, in the digest that is asked for."""

    def shown(config: dict[str, object], past: Past) -> list[str]:
        settings = Config(default_user=UserConfig(name="admin"), ssh=SshConfig(host_keys=()))
        data = handed(ssh_keys, json.dumps(config))
        changes = ssh_keys.changes(Metadata(public_keys=(KEY,)), settings, Host(), past, data)
        return [line for change in changes if isinstance(change, Announce) for line in change.lines]

    assert shown({}, Past()) == [f"admin can log in with {fingerprint(KEY)}"]
    assert shown({"authkey_hash": "md5"}, Past())[0].startswith("admin can log in with MD5:")
    assert shown({"no_ssh_fingerprints": True}, Past()) == []
    assert shown({}, Past(new=False, done={"ssh_keys": {}})) == []


def test_keys_that_are_known_and_not_offered() -> None:
    """Guest attributes are named as not offered; a private key that is none is found without being shown."""
    _, findings = typed(
        ssh_keys, "ssh_publish_hostkeys: {enabled: true}\nssh_keys: {rsa_private: hush, dsa_private: x}"
    )
    assert [text.partition(": ")[2] for text in findings] == [
        "warning: ssh_publish_hostkeys: is known, but not offered (public keys and fingerprints are on the console)",
        "error: ssh_keys.rsa_private: is not a private key as ssh-keygen writes it",
        "error: ssh_keys.dsa_private: is not a known key (did you mean ecdsa_private?)",
    ]


def test_sshd_takes_it_all(tmp_path: Path, made: dict[str, str]) -> None:
    """The real sshd accepts the settings file and the pair with its certificate, where they lie in the end."""
    sshd = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin:/usr/local/sbin")
    if sshd is None or os.geteuid() != 0:
        pytest.skip("sshd and root are needed")
    names = ("ed25519_private", "ed25519_certificate")
    changes = asked(tmp_path, ssh_keys={name: made[name] for name in names}, ssh_pwauth=False)
    for change in changes:
        if isinstance(change, WriteFile):
            place = tmp_path / change.target.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(change.content)
            place.chmod(change.mode)
    settings = tmp_path / "etc/ssh/sshd_config.d/50-ovfinit.conf"
    ready = f"mount -t tmpfs none /run && mkdir -m 755 /run/sshd && mount --bind {tmp_path}/etc/ssh /etc/ssh && "
    command = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        f"{ready} exec {sshd} -T -f {settings} -h /etc/ssh/ssh_host_ed25519_key",
    ]
    told = subprocess.run(command, capture_output=True, check=False, text=True)
    if "mount" in told.stderr:
        pytest.skip("sshd does not run here")
    assert (told.returncode, "rror" in told.stderr) == (0, False), told.stderr
    assert "passwordauthentication no" in told.stdout
    assert "hostcertificate /etc/ssh/ssh_host_ed25519_key-cert.pub" in told.stdout


def test_one_run_makes_the_quick_types(tmp_path: Path) -> None:
    """Both pairs match, say nothing of RSA, differ from run to run, and what a killed run left is in nobody's way."""
    tool = shutil.which("ssh-keygen")
    assert tool is not None
    nest = tmp_path / "nest"
    (nest / "etc/ssh").mkdir(parents=True)
    (nest / "etc/ssh/ssh_host_ecdsa_key").write_text("half a key")
    (nest / "etc/ssh/ssh_host_rsa_key").write_text("-")
    pairs, others = quick_pairs(tool, str(nest)), quick_pairs(tool, str(nest))
    assert set(pairs) == {"/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ecdsa_key"}
    for path, (private, public) in pairs.items():
        key = tmp_path / "key"
        key.touch(mode=0o600)
        key.write_bytes(private)
        told = subprocess.run([tool, "-y", "-P", "", "-f", key], check=True, capture_output=True, text=True).stdout
        assert told.split()[:2] == public.decode().split()[:2]
        assert path.split("_")[2] in told.split()[0]
        assert others[path] != pairs[path]
    assert not nest.exists()


def test_a_type_that_cannot_be_made_does_not_cost_the_other(tmp_path: Path) -> None:
    """On a machine that may not use one kind of key ssh-keygen leaves it out; where it fails, nothing is handed out."""
    poor = tmp_path / "ssh-keygen"
    poor.write_text(
        '#!/bin/sh\ncd "$3/etc/ssh" && echo private >ssh_host_ecdsa_key && echo public >ssh_host_ecdsa_key.pub\n'
    )
    poor.chmod(0o755)
    nest = str(tmp_path / "nest")
    assert quick_pairs(str(poor), nest) == {"/etc/ssh/ssh_host_ecdsa_key": (b"private\n", b"public\n")}
    poor.write_text("#!/bin/sh\nexit 255\n")
    assert quick_pairs(str(poor), nest) == {}
    assert not Path(nest).exists()
