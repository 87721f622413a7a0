"""The forms in which `ovf env` writes an environment, each judged by those who read it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from answered import HOSTILE, QUESTIONS, properties
from packages import OVF2, envelope, folder, ova
from scratch import Result

Program = Callable[..., Result]
CLOUD_INIT = Path(sys.prefix) / "judges/cloud-init/usr/lib/python3/dist-packages"


def test_environment_files(ovfinit: Program, tmp_path: Path) -> None:
    """Files that OVF 2 gives to a guest lie below ovffiles on the disc, uncompressed."""
    file = '<File ovf:fileRef="f2" ovf:path="etc/Shop Config.xml"/>'
    section = f"<EnvironmentFilesSection><Info/>{file}</EnvironmentFilesSection>"
    text = envelope(section, namespace=OVF2, files='<File ovf:id="f2" ovf:href="c.xml"/>')
    path = ova(tmp_path / "app.ova", {"app.ovf": text.encode(), "c.xml": b"<config/>"})
    out = tmp_path / "env.iso"
    ovfinit("ovf", "env", path, "-o", out)
    for words in (["-R", "-x", "/ovffiles/etc/Shop Config.xml"], ["-J", "-x", "/ovffiles/etc/Shop Config.xml"]):
        assert subprocess.run(["isoinfo", "-i", out, *words], capture_output=True, check=True).stdout == b"<config/>"
    evil = ova(tmp_path / "evil.ova", {"app.ovf": text.replace("etc/", "../").encode(), "c.xml": b""})
    assert "leads out" in ovfinit("ovf", "env", evil, "-o", tmp_path / "no.iso", code=1).err


def test_the_disc_as_others_see_it(ovfinit: Program, tmp_path: Path) -> None:
    """Xorriso and isoinfo see the label, Joliet, Rock Ridge and the document; the same input gives the same bytes."""
    path, out = folder(tmp_path / "app", envelope(QUESTIONS)), tmp_path / "env.iso"
    words = ("ovf", "env", path, "--set", "hostname=web1", "-o")
    ovfinit(*words, out, env={"SOURCE_DATE_EPOCH": "1700000000"})
    time.sleep(1.1)
    ovfinit(*words, tmp_path / "again.iso", env={"SOURCE_DATE_EPOCH": "1700000000"})
    assert out.read_bytes() == (tmp_path / "again.iso").read_bytes()
    said = subprocess.run(["isoinfo", "-d", "-i", out], capture_output=True, check=True).stdout.decode()
    assert "Volume id: OVF ENV" in said
    assert "Joliet with UCS level 3" in said
    assert "Rock Ridge signatures" in said
    found = subprocess.run(
        ["xorriso", "-indev", f"stdio:{out}", "-find", "/", "-exec", "lsdl"], capture_output=True, check=True
    )
    assert b"Nov 14  2023 '/ovf-env.xml'" in found.stdout
    for nonsense in ("x", "9999999999"):
        assert "SOURCE_DATE_EPOCH" in ovfinit(*words, out, env={"SOURCE_DATE_EPOCH": nonsense}, code=2).err


def test_cloud_init_reads_it(ovfinit: Program, tmp_path: Path) -> None:
    """cloud-init's own reader takes host name, keys, password and user data out of the document."""
    if not CLOUD_INIT.exists():
        pytest.skip("cloud-init is not unpacked here")
    out = tmp_path / "env.xml"
    data = base64.b64encode(b"#!/bin/sh\n").decode()
    words = [f"--property={one}" for one in ("instance-id=i-1", "hostname=web1", "password=it's", f"user-data={data}")]
    ovfinit("ovf", "env", *words, "--nic", "52:54:00:12:34:56=VM Network", "-o", out)
    code = (
        "import sys, json, cloudinit.sources.DataSourceOVF as source\n"
        "meta, user, config = source.read_ovf_environment(open(sys.argv[1]).read())\n"
        "print(json.dumps([meta, user.decode(), config]))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CLOUD_INIT), *sys.path]), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", code, out], env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    meta, user, config = json.loads(done.stdout)
    assert (meta["instance-id"], meta["local-hostname"]) == ("i-1", "web1")
    assert (user, config["password"]) == ("#!/bin/sh\n", "it's")


def test_guestinfo_is_what_a_vmx_holds(ovfinit: Program, tmp_path: Path) -> None:
    """The line has the document in one quoted value, with what would end it escaped as VMware does."""
    out = tmp_path / "app.vmx"
    ovfinit("ovf", "env", "--property", f"hostname={HOSTILE}", "-o", out)
    line = out.read_text()
    assert line.startswith('guestinfo.ovfEnv = "')
    assert line.count('"') == 2
    value = line.split('"')[1]
    for code in ("22", "7C", "23"):
        value = value.replace(f"|{code}", chr(int(code, 16)))
    (tmp_path / "env.xml").write_text(value)
    assert properties(tmp_path / "env.xml") == {"hostname": HOSTILE}


def test_xenstore_script(ovfinit: Program, tmp_path: Path) -> None:
    """The script hands every value to xenstore-write or xe as it is, whatever the shell would make of it."""
    out = tmp_path / "app.xenstore"
    words = ["--property", f"shop.motto={HOSTILE}", "--property", "a b=1"]
    assert "XenStore has no such name" in ovfinit("ovf", "env", *words, "-o", out).err
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "xenstore-write").write_text('#!/bin/sh\nprintf "%s=%s;" "$1" "$2"\n')
    (tools / "xenstore-write").chmod(0o755)
    env = {"PATH": f"{tools}:/usr/bin:/bin"}
    done = subprocess.run(["sh", out, "7"], env=env, capture_output=True, check=True)
    assert done.stdout.decode() == f"/local/domain/7/vm-data/shop/motto={HOSTILE};"


def test_nocloud_seeds(ovfinit: Program, tmp_path: Path) -> None:
    """A seed, as folder or image, gives the agent the same host name, keys, user data and network."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM+8yvSkv9j+Gvjj3dWlUKwcEhhkdaTafvKKv55au4rB first@example.com"
    values = {
        "instance-id": "i-1",
        "hostname": "web1.example.com",
        "public-keys": key,
        "user-data": base64.b64encode(b"#!/bin/sh\n").decode(),
        "guestinfo.ipaddress": "192.0.2.10",
        "guestinfo.netmask": "255.255.255.0",
        "guestinfo.gateway": "192.0.2.1",
    }
    words = ["ovf", "env", *(f"--property={name}={value}" for name, value in values.items())]
    words += ["--mac", "52:54:00:12:34:56"]
    seed, disc, env = tmp_path / "seed", tmp_path / "cidata.iso", tmp_path / "env.iso"
    seed.mkdir()
    ovfinit(*words, "-o", f"{seed}/")
    ovfinit(*words, "-o", disc, "--format", "nocloud")
    ovfinit(*words, "-o", env)
    fields = ("instance_id", "hostname", "fqdn", "public_keys", "user_data", "network")
    shown = [
        ovfinit("show", "--json", "--root", tmp_path, "--from", source).json
        for source in (f"ovf:{env}", f"seed:{seed}", f"seed:{disc}")
    ]
    first = {field: shown[0][field] for field in fields}
    assert first["fqdn"] == "web1.example.com"
    assert all({field: one[field] for field in fields} == first for one in shown)


def test_qemu_and_libvirt(ovfinit: Program, tmp_path: Path, tree: Path) -> None:
    """QEMU's words name the document beside them, and the agent finds it where the kernel shows such a file."""
    import shlex

    out = tmp_path / "guest.qemu"
    ovfinit("ovf", "env", "--property", "instance-id=i-1", "--property", "hostname=web1", "-o", out)
    words = shlex.split(out.read_text())
    assert words[:2] == ["-smbios", "type=1,serial=ds=nocloud;i=i-1;h=web1"]
    name, file = words[3].removeprefix("name=").split(",file=")
    place = tree / f"sys/firmware/qemu_fw_cfg/by_name/{name}/raw"
    place.parent.mkdir(parents=True)
    place.write_bytes(Path(file).read_bytes())
    assert ovfinit("show", "--json", "--root", tree, "hostname").json == "web1"
    ovfinit("ovf", "env", "--property", "hostname=web1", "--format", "libvirt", "-o", tmp_path / "domain.txt")
    said = (tmp_path / "domain.txt").read_text()
    assert f'<source file="{tmp_path}/domain.iso"/>' in said
    assert (tmp_path / "domain.iso").exists()
    if shutil.which("virt-xml-validate"):
        devices, _, sysinfo = said.partition("<!-- or")
        domain = tmp_path / "domain.xml"
        domain.write_text(
            "<domain type='kvm'><name>a</name><memory>1024</memory><os><type>hvm</type></os>"
            f"<!-- {sysinfo}<devices>{devices}</devices></domain>"
        )
        done = subprocess.run(["virt-xml-validate", domain, "domain"], capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
