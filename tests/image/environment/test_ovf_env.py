"""`ovf env`: a package's questions answered, and what its machine reads at boot, judged by those who read it."""

from __future__ import annotations

import base64
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packages import OVF2, envelope, folder, ova, product
from scratch import REPO, Result, environment
from terminal import Person

from ovfinit.errors import InputError
from ovfinit.image.environment import document, iso

Program = Callable[..., Result]
HOSTILE = "a \"quoted\" <tag> & 'more'\nsecond line\ttab"
SCHEMA = REPO / "tests/data/dmtf/ovf-environment.xsd"
CLOUD_INIT = Path(sys.prefix) / "judges/cloud-init/usr/lib/python3/dist-packages"
QUESTIONS = product(
    'ovf:key="hostname" ovf:userConfigurable="true" ovf:qualifiers="MinLen(1),MaxLen(20)"',
    'ovf:key="size" ovf:type="uint8" ovf:value="7" ovf:userConfigurable="true"',
    'ovf:key="mode" ovf:qualifiers="ValueMap{&quot;dhcp&quot;,&quot;static&quot;}" ovf:value="dhcp"'
    ' ovf:userConfigurable="true"',
    'ovf:key="url" ovf:value="http://${hostname}/${unknown}"',
)
VAPP = (
    '<VirtualSystemCollection ovf:id="shop"><Info/>'
    + product('ovf:key="zone" ovf:userConfigurable="true" ovf:value="eu"', 'ovf:key="over" ovf:value="parent"')
    + '<VirtualSystem ovf:id="web"><Info/>'
    + product('ovf:key="ip" ovf:userConfigurable="true"', 'ovf:key="over" ovf:value="${zone}-web"')
    + '</VirtualSystem><VirtualSystem ovf:id="db"><Info/>'
    + product('ovf:key="ip" ovf:userConfigurable="true" ovf:value="192.0.2.2"')
    + "</VirtualSystem></VirtualSystemCollection>"
)


def vapp() -> str:
    """A descriptor with two machines in a collection."""
    head, _, rest = envelope().partition("<VirtualSystem ")
    return head + VAPP + rest.rpartition("</VirtualSystem>")[2]


def properties(path: Path | str) -> dict[str, str]:
    """The properties of the environment's own machine, in order."""
    import xml.etree.ElementTree as ET

    own = f"{{{document.NAMESPACE}}}"
    section = ET.parse(path).getroot().find(f"{own}PropertySection")
    assert section is not None
    return {one.attrib[f"{own}key"]: one.attrib[f"{own}value"] for one in section}


def valid(path: Path) -> None:
    """Insists that DMTF's own schema accepts a document."""
    words = ["xmllint", "--noout", "--nonet", "--schema", SCHEMA, path]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An image with values that need every kind of escaping."""
    values = {"hostname": "web1", "instance-id": "i-1", "shop.motto": HOSTILE}
    path = tmp_path / "env.iso"
    adapters = [document.Adapter("00:50:56:00:00:01", "VM Network")]
    path.write_bytes(iso.compose(document.compose(values, environment_id="web", adapters=adapters)))
    return path


def test_the_agent_reads_what_we_write(ovfinit: Program, made: Path, tmp_path: Path) -> None:
    """Values come back to the character, whatever XML makes of quotes and line breaks."""
    shown = ovfinit("show", "--json", "--root", tmp_path, "--from", f"ovf:{made}").json
    assert shown["hostname"] == "web1"
    assert shown["properties"]["shop.motto"] == HOSTILE
    assert (shown["nics"][0]["mac"], shown["nics"][0]["network"]) == ("00:50:56:00:00:01", "VM Network")


@pytest.mark.parametrize("character", ["\0", "\x1b", "\ufffe", "\ud800"])
def test_characters_that_xml_cannot_carry(character: str) -> None:
    """What XML cannot carry is an error that names the property, not a broken document."""
    with pytest.raises(InputError, match="control character"):
        document.compose({"hostname": f"a{character}b"})


def test_without_a_package(ovfinit: Program, tmp_path: Path) -> None:
    """Properties alone make an environment; user data from a file travels as base64, so that not a byte is lost."""
    script = tmp_path / "script"
    script.write_bytes(b"#!/bin/sh\r\nprintf '\\377'\n")
    out = tmp_path / "env.xml"
    ovfinit("ovf", "env", "--property", "instance-id=i-1", "--set", f"user-data=@{script}", "--output", out)
    shown = ovfinit("show", "--json", "--root", tmp_path, "--from", f"ovf:{out}", "user_data").json
    assert shown["size"] == script.stat().st_size
    assert shown["type"] == "text/x-shellscript"
    assert out.stat().st_mode & 0o777 == 0o600
    valid(out)


def test_answers_defaults_and_substitution(ovfinit: Program, tmp_path: Path) -> None:
    """Answers go before defaults, names in values are replaced, unknown ones stay and are told."""
    path, out = folder(tmp_path / "app", envelope(QUESTIONS)), tmp_path / "env.xml"
    result = ovfinit("ovf", "env", path, "--set", "hostname=web1", "--set", "size=9", "-o", out)
    assert properties(out) == {"hostname": "web1", "size": "9", "mode": "dhcp", "url": "http://web1/${unknown}"}
    assert "unknown" in result.err
    valid(out)


def test_platform_section(ovfinit: Program, tmp_path: Path) -> None:
    """What is said about the platform is what the agent shows; names that VMware fills in stay, and are told."""
    path, out = (
        folder(tmp_path / "app", envelope(product('ovf:key="ip" ovf:value="${autoIp:net}"'))),
        tmp_path / "e.xml",
    )
    words = ("ovf", "env", path, "-o", out, "--platform", "KVM", "--locale", "de_DE", "--timezone")
    assert "is for VMware to fill in" in ovfinit(*words, "-60").err
    valid(out)
    shown = ovfinit("show", "--json", "--root", tmp_path, "--from", f"ovf:{out}").json
    assert (shown["platform"], shown["properties"]) == ("KVM", {"ip": "${autoIp:net}"})
    ovfinit(*words, "841", code=2)


def test_missing_and_wrong_answers_are_named(ovfinit: Program, tmp_path: Path) -> None:
    """Without a terminal a required answer that is missing is an error with its key, like one that cannot be taken."""
    path, out = folder(tmp_path / "app", envelope(QUESTIONS)), tmp_path / "env.xml"
    words = ("ovf", "env", path, "-o", out, "--json")
    assert "hostname (of web) must have a value" in ovfinit(*words, code=1).json["error"]["message"]
    wrong = ("--set", "hostname=w", "--set", "size=256", "--set", "mode=magic")
    message = ovfinit(*words, *wrong, code=1).json["error"]["message"]
    assert "at most 255" in message
    assert "one of: dhcp, static" in message
    assert "mode" in ovfinit(*words, "--set", "mod=x", code=2).json["error"]["remedy"]
    assert ovfinit(*words, "--set", "url=x", code=2).json["error"]["code"] == "usage"
    ovfinit(*words, "--set", "hostname=w", "--set", "url=x", "--hidden")
    assert properties(out)["url"] == "x"


def test_answers_from_a_file(ovfinit: Program, tmp_path: Path) -> None:
    """A YAML file answers by key or by machine and key, values as they are spelled; the command line goes before it."""
    path, out = folder(tmp_path / "app", vapp()), tmp_path / "env.xml"
    answers = tmp_path / "answers.yaml"
    answers.write_text("zone: 0644\nweb:\n  ip: 192.0.2.1\ndb:\n  ip: 192.0.2.9\n")
    ovfinit("ovf", "env", path, "--machine", "web", "--answers", answers, "--set", "web/ip=192.0.2.7", "-o", out)
    assert properties(out) == {"zone": "0644", "over": "0644-web", "ip": "192.0.2.7"}
    answers.write_text("zone: [a]\n")
    where = ovfinit("ovf", "env", path, "--machine", "web", "--answers", answers, "-o", out, "--json", code=1).json
    assert where["error"]["where"] == f"{answers}:1:7"


def test_siblings_are_entities(ovfinit: Program, tmp_path: Path) -> None:
    """A machine of a vApp sees its collection's properties below its own, and each sibling as that is told itself."""
    path, out = folder(tmp_path / "app", vapp()), tmp_path / "env.xml"
    ovfinit("ovf", "env", path, "-o", out, code=2)
    nic = "52:54:00:12:34:56=Elsewhere"
    ovfinit("ovf", "env", path, "--machine", "web", "-o", out, "--nic", nic, code=2)
    ovfinit("ovf", "env", path, "--machine", "web", "--set", "web/ip=192.0.2.1", "-o", out, "--mac", nic[:17])
    text = out.read_text()
    entity = text.partition('<Entity oe:id="db">')[2].partition("</Entity>")[0]
    assert 'oe:key="ip" oe:value="192.0.2.2"' in entity
    assert 'oe:key="over" oe:value="parent"' in entity
    assert properties(out) == {"zone": "eu", "over": "eu-web", "ip": "192.0.2.1"}
    valid(out)


def test_deployment_options(ovfinit: Program, tmp_path: Path) -> None:
    """A deployment option brings its own defaults and its own properties."""
    section = (
        '<DeploymentOptionSection><Info/><Configuration ovf:id="small"/><Configuration ovf:id="large"/>'
        "</DeploymentOptionSection>"
    )
    body = (
        '<ProductSection><Info/><Property ovf:key="n" ovf:value="1"><Value ovf:value="9" ovf:configuration="large"/>'
        '</Property><Property ovf:key="only" ovf:value="x" ovf:configuration="large"/></ProductSection>'
    )
    path, out = folder(tmp_path / "app", envelope(body, sections=section)), tmp_path / "env.xml"
    ovfinit("ovf", "env", path, "-o", out)
    assert properties(out) == {"n": "1"}
    ovfinit("ovf", "env", path, "-o", out, "--deployment-option", "large")
    assert properties(out) == {"n": "9", "only": "x"}
    ovfinit("ovf", "env", path, "-o", out, "--deployment-option", "huge", code=2)


def test_circles_are_refused(ovfinit: Program, tmp_path: Path) -> None:
    """Values that name each other, and values that grow without bounds, give no environment."""
    ring = product('ovf:key="a" ovf:value="${b}"', 'ovf:key="b" ovf:value="${a}"')
    bomb = product('ovf:key="p0" ovf:value="xxxxxxxxxx"', *(
        f'ovf:key="p{n}" ovf:value="{f"${{p{n - 1}}}" * 10}"' for n in range(1, 30)
    ))  # fmt: skip
    for body, words in ((ring, "circles"), (bomb, "grows beyond")):
        path, out = folder(tmp_path / "app", envelope(body)), tmp_path / "env.xml"
        assert words in ovfinit("ovf", "env", path, "-o", out, code=1).err
        assert not out.exists()


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


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """Where the environment does not fit, what was there before stays, and nothing half-written."""
    out = tmp_path / "env.iso"
    out.write_bytes(b"before")
    command = [sys.executable, "-m", "ovfinit", "ovf", "env", "--property", "hostname=web1", "-o", str(out)]

    def limit() -> None:
        import signal

        # a file may not grow: what a full disk does, without filling one
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run(command, capture_output=True, check=False, env=environment(), preexec_fn=limit)
    assert done.returncode == 1
    assert b"cannot be written" in done.stderr
    assert out.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["env.iso"]


def test_questions_on_a_terminal(tmp_path: Path) -> None:
    """Questions come by category with labels and defaults, wrong answers again, passwords hidden and twice."""
    body = (
        "<ProductSection><Info/><Category>Network</Category>"
        '<Property ovf:key="hostname" ovf:userConfigurable="true" ovf:qualifiers="MinLen(1)">'
        "<Label>Host name</Label><Description>What it is called</Description></Property>"
        '<Property ovf:key="mode" ovf:qualifiers="ValueMap{&quot;dhcp&quot;,&quot;static&quot;}" ovf:value="dhcp"'
        ' ovf:userConfigurable="true"><Label>Mode</Label></Property><Category>Access</Category>'
        '<Property ovf:key="pw" ovf:password="true" ovf:userConfigurable="true" ovf:qualifiers="MinLen(3)">'
        "<Label>Password</Label></Property>"
        '<Property ovf:key="ssh" ovf:type="boolean" ovf:value="False" ovf:userConfigurable="true"/>'
        '<Property ovf:key="note" ovf:value="old" ovf:userConfigurable="true"/>'
        '<Property ovf:key="fixed" ovf:value="f"/></ProductSection>'
    )
    path, out = folder(tmp_path / "app", envelope(body)), tmp_path / "env.xml"
    somebody = Person("ovf", "env", path, "-o", out)
    somebody.expect("Host name", "")
    somebody.expect("must have a value", "web1")
    somebody.expect("2) static", "2")
    somebody.expect("hidden", "ab")
    somebody.expect("at least 3", "secret")
    somebody.expect("once more", "secrex")
    somebody.expect("not the same", "secret")
    somebody.expect("once more", "secret")
    somebody.expect("yes or no", "y")
    somebody.expect("[old]", "''")
    somebody.expect("Your answers", "")
    assert somebody.end() == 0, somebody.said
    found = {"hostname": "web1", "mode": "static", "pw": "secret", "ssh": "True", "note": "", "fixed": "f"}
    assert properties(out) == found
    assert somebody.said.index("Network") < somebody.said.index("Access")
    assert "What it is called" in somebody.said
    assert "secret" not in somebody.said


def test_going_back(tmp_path: Path) -> None:
    """`<` asks the question before again, with the answer that it had; at the end it leads to the last one."""
    path, out = folder(tmp_path / "app", envelope(QUESTIONS)), tmp_path / "env.xml"
    (tmp_path / "name").write_text("fromfile\n")
    somebody = Person("ovf", "env", path, "-o", out)
    somebody.expect("hostname", "<")
    somebody.expect("first question", "web1")
    somebody.expect("size", "<")
    somebody.expect("[web1]", f"@{tmp_path}/nothing")
    somebody.expect("cannot be read", f"@{tmp_path}/name")
    somebody.expect("[7]", "8")
    somebody.expect("[dhcp]", "static")
    somebody.expect("Your answers", "<")
    somebody.expect("[static]", "dhcp")
    somebody.expect("Your answers", "")
    assert somebody.end() == 0, somebody.said
    assert {**properties(out), "url": ""} == {"hostname": "fromfile", "size": "8", "mode": "dhcp", "url": ""}


def test_giving_up_writes_nothing(tmp_path: Path) -> None:
    """Ctrl-D and Ctrl-C at a question end the program with an error and without a file."""
    path, out = folder(tmp_path / "app", envelope(QUESTIONS)), tmp_path / "env.xml"
    for key in ("\x04", "\x03"):
        somebody = Person("ovf", "env", path, "-o", out)
        somebody.expect("required", key)
        assert somebody.end() == 1
        assert "Traceback" not in somebody.said
        assert not out.exists()


def test_json_document(ovfinit: Program, tmp_path: Path) -> None:
    """`--json` tells what was written, never a value."""
    out = tmp_path / "env.iso"
    result = ovfinit("ovf", "env", "--property", "password=secret", "-o", out, "--json")
    told: Any = result.json
    assert told["properties"] == ["password"]
    assert (told["format"], told["size"]) == ("iso", out.stat().st_size)
    assert "secret" not in result.out
