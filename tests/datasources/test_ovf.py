"""The OVF source: documents of many producers, volumes, guestinfo, and what is told apart."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from datasources.ovf import Ovf
from ovfinit.datasource import Deadline, SourceAbsent, SourceInvalid, SourceUnreachable
from ovfinit.host import BlockDevice, Host
from ovfinit.model import Metadata, Nic, Problem, Secret
from ovfinit.normalize import normalize
from ovfinit.payload import sniff

SAMPLES = Path(__file__).parent.parent / "data" / "ovf"
OPEN = '<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1"'
UUID = "42131bb4-8a3c-4f0c-9d0e-6a3f2f7b1c55"


def ovf(location=None):
    source = Ovf()
    source.location = None if location is None else str(location)
    return source


def environment(*properties, extra=""):
    listed = "".join(f'<Property oe:key="{key}" oe:value="{value}"/>' for key, value in properties)
    return f'{OPEN} oe:id="">{extra}<PropertySection>{listed}</PropertySection></Environment>'.encode()


def read(path, host):
    return ovf(path).read(host, Deadline(60))


def image(folder, path, *options):
    subprocess.run(["genisoimage", "-quiet", "-o", str(path), *options, str(folder)], check=True)
    return path


def golden(value):
    """A metadata as plain data, without what may be secret or is long."""
    if isinstance(value, Secret):
        return "<redacted>"
    if isinstance(value, bytes):
        return {"type": sniff(value), "size": len(value), "sha256": hashlib.sha256(value).hexdigest()}
    if isinstance(value, (Metadata, Nic, Problem)):
        return {key: golden(item) for key, item in value.as_dict().items() if item not in (None, (), {}, [])}
    if isinstance(value, dict):
        return {key: golden(item) for key, item in value.items()}
    return [golden(item) for item in value] if isinstance(value, (list, tuple)) else value


@pytest.fixture
def host(tmp_path):
    facts = tmp_path / "root" / "sys/class/dmi/id"
    facts.mkdir(parents=True)
    (facts / "product_uuid").write_text(UUID.upper() + "\n")
    return Host(str(tmp_path / "root"))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "content"
    made.mkdir()
    (made / "ovf-env.xml").write_bytes(environment(("hostname", "web1"), ("instance-id", "i-1")))
    return made


class Posing(Host):
    """A live machine as far as its facts tell, whose block devices are image files."""

    def __init__(self, root, *images, vendor=None):
        super().__init__(root)
        self.images = images
        self.vendor = vendor

    live = True

    def block_devices(self):
        """The image files, as CD-ROM drives."""
        return [BlockDevice(f"sr{n}", str(path), 1, True, True) for n, path in enumerate(self.images)]

    def dmi(self, name):
        """The vendor alone."""
        return self.vendor if name == "sys_vendor" else None


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Makes a program that answers like one of open-vm-tools': (variables, stderr of all else, exit status)."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name, variables, otherwise="No value found", status=1, first=""):
        values = tmp_path / f"{name}.values"
        values.mkdir()
        for key, value in variables.items():
            (values / key).write_bytes(value if isinstance(value, bytes) else value.encode())
        script = f"""#!/bin/sh
{first}
for last; do :; done
key=${{last#info-get guestinfo.}}
echo "$key" >> {tmp_path}/{name}.asked
if [ -f {values}/$key ]; then cat {values}/$key; echo; exit 0; fi
echo '{otherwise}' >&2
exit {status}
"""
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
        return values

    return make


@pytest.mark.parametrize("sample", sorted(path.stem for path in SAMPLES.glob("*.xml") if path.stem != "azure"))
def test_golden(sample, host):
    """Every sample environment gives exactly the model that a person read out of it."""
    metadata = normalize(read(SAMPLES / f"{sample}.xml", host), host, {}).with_(location=None, fingerprint=None)
    known = json.loads((SAMPLES / "golden" / f"{sample}.json").read_text())
    assert golden(metadata) == known


def test_azure_is_not_ours(host):
    """Azure's file of the same name and root element is absent for us, with the reason."""
    with pytest.raises(SourceAbsent, match="not ours"):
        read(SAMPLES / "azure.xml", host)


def test_no_property_section(host, tmp_path):
    """An environment without a PropertySection is absent, not an empty answer."""
    path = tmp_path / "e.xml"
    path.write_text(f"{OPEN}><PlatformSection><Kind>X</Kind></PlatformSection></Environment>")
    with pytest.raises(SourceAbsent, match="PropertySection"):
        read(path, host)


def test_malformed_document(folder, host):
    """A document that is cut off is invalid, with file, line, column and what to do."""
    path = folder / "ovf-env.xml"
    path.write_bytes(path.read_bytes()[:120])
    with pytest.raises(SourceInvalid, match="cut off") as caught:
        read(path, host)
    assert caught.value.where.startswith(f"{path}:1:")


@pytest.mark.parametrize("options", [["-J", "-r"], ["-r"], ["-J"], []])
def test_image(options, folder, host, tmp_path):
    """An image is read whichever names it carries: Rock Ridge, Joliet, both, or bare ISO 9660."""
    path = image(folder, tmp_path / "env.iso", "-V", "OVF ENV", *options)
    found = read(path, host)
    assert found.properties == {"hostname": "web1", "instance-id": "i-1"}
    assert found.location == str(path)
    assert found.origins["properties.hostname"] == "#/Environment/PropertySection/hostname"


def test_image_without_document(folder, host, tmp_path):
    """A volume without the document is absent; what is neither XML nor a volume is invalid; nothing there is absent."""
    (folder / "ovf-env.xml").rename(folder / "other.xml")
    with pytest.raises(SourceAbsent, match=r"no ovf-env\.xml"):
        read(image(folder, tmp_path / "x.iso", "-V", "DATA", "-J"), host)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(SourceInvalid, match="neither"):
        read(tmp_path / "text", host)
    with pytest.raises(SourceAbsent, match="no such file"):
        read(tmp_path / "nothing", host)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceInvalid, match="neither a file"):
        read(tmp_path / "pipe", host)


def test_folder(folder, host):
    """A folder stands for the document in it."""
    assert read(folder, host).properties["hostname"] == "web1"


def test_truncated_image(folder, host, tmp_path):
    """An image that was cut off is invalid, not absent."""
    path = image(folder, tmp_path / "env.iso", "-V", "OVF ENV", "-J")
    path.write_bytes(path.read_bytes()[: 20 * 2048])
    with pytest.raises(SourceInvalid):
        read(path, host)


def test_unchanged_file_and_image(folder, host, tmp_path):
    """An unchanged document or image is recognised, a changed, moved or missing one is not."""
    for path in (folder / "ovf-env.xml", image(folder, tmp_path / "env.iso", "-J")):
        source = ovf(path)
        fingerprint = json.loads(json.dumps(source.read(host, Deadline(60)).fingerprint))
        assert source.unchanged(host, fingerprint)
        assert not ovf(tmp_path / "elsewhere").unchanged(host, fingerprint)
        assert not ovf().unchanged(host, fingerprint)
        content = path.read_bytes()
        path.write_bytes(content.replace(b"web1", b"web2"))
        assert not source.unchanged(host, fingerprint)
        path.unlink()
        assert not source.unchanged(host, fingerprint)
    for odd in (None, {}, [], "x", {"location": None, "file": 1, "volume": [1], "guestinfo": 2}):
        assert not ovf().unchanged(host, odd)


def test_unchanged_is_light(folder, tmp_path, host):
    """Recognising an unchanged image parses no XML and imports none of the heavy modules."""
    path = image(folder, tmp_path / "env.iso", "-J")
    fingerprint = ovf(path).read(host, Deadline(60)).fingerprint
    program = f"""
import sys
before = set(sys.modules)
from datasources.ovf import Ovf
from ovfinit.host import Host
source = Ovf(); source.location = {str(path)!r}
assert source.unchanged(Host({host.root!r}), {fingerprint!r})
heavy = {{"pycdlib", "yaml", "pyexpat", "json", "re", "typing", "dataclasses", "enum", "pathlib", "logging", "hashlib",
         "subprocess"}}
print(sorted(heavy & (set(sys.modules) - before)))
"""
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=SAMPLES.parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_seed_in_tree(host):
    """The seed file of the tree is found, read, and recognised again."""
    source = ovf()
    assert source.detect(host).answer == "no"
    with pytest.raises(SourceAbsent):
        source.read(host, Deadline(60))
    seed = host.path("/var/lib/ovfinit/seed/ovf-env.xml")
    seed.parent.mkdir(parents=True)
    seed.write_bytes(environment(("hostname", "baked")))
    assert source.detect(host).answer == "yes"
    found = source.read(host, Deadline(60))
    assert (found.properties["hostname"], found.location) == ("baked", "/var/lib/ovfinit/seed/ovf-env.xml")
    assert source.unchanged(host, found.fingerprint)
    seed.unlink()
    assert not source.unchanged(host, found.fingerprint)


def test_drives(folder, host, tmp_path):
    """The drive that has the document is chosen, in words, and known again until an earlier one has it too."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "readme").write_text("x")
    data = image(other, tmp_path / "sr0.iso", "-V", "DATA", "-J")
    carrier = image(folder, tmp_path / "sr1.iso", "-V", "OVF ENV", "-J", "-r")
    machine = Posing(host.root, data, carrier)
    source = ovf()
    detection = source.detect(machine)
    assert (detection.answer, "labelled 'OVF ENV'" in detection.reason) == ("yes", True)
    found = source.read(machine, Deadline(60))
    assert found.location == str(carrier)
    assert source.unchanged(machine, found.fingerprint)
    image(folder, data, "-V", "OVF ENV", "-J", "-r")
    assert not source.unchanged(machine, found.fingerprint)
    assert source.detect(Posing(host.root, tmp_path / "gone.iso")).answer == "no"


def test_azure_drive_does_not_hide_ours(folder, host, tmp_path):
    """A CD-ROM with Azure's document is passed over for one with an OVF environment."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "ovf-env.xml").write_bytes((SAMPLES / "azure.xml").read_bytes())
    first = image(theirs, tmp_path / "a.iso", "-V", "OVF ENV", "-J")
    second = image(folder, tmp_path / "b.iso", "-V", "ANY", "-J")
    assert ovf().read(Posing(host.root, first, second), Deadline(60)).location == str(second)
    with pytest.raises(SourceAbsent):
        ovf().read(Posing(host.root, first), Deadline(60))


def test_vmware_without_tools_or_value(folder, host, tools, tmp_path):
    """On VMware guestinfo is asked first; if it cannot be, a CD-ROM's answer counts and says what is missing."""
    tools("vmware-rpctool", {}, otherwise="Permission denied")
    tools("vmtoolsd", {}, otherwise="Permission denied")
    carrier = image(folder, tmp_path / "env.iso", "-J")
    machine = Posing(host.root, carrier, vendor="VMware, Inc.")
    found = ovf().read(machine, Deadline(60))
    assert found.location == str(carrier)
    assert "Permission denied" in found.problems[0].message
    assert ovf().unchanged(machine, found.fingerprint)
    bare = Posing(host.root, vendor="VMware, Inc.")
    assert ovf().detect(bare).answer == "maybe"
    with pytest.raises(SourceUnreachable, match="Permission denied"):
        ovf().read(bare, Deadline(60))


def test_vmware_with_both(folder, host, tools, tmp_path):
    """On VMware plain guestinfo goes before a CD-ROM's equals, and both are watched for changes."""
    values = tools("vmware-rpctool", {"metadata": "local-hostname: direct\n"})
    machine = Posing(host.root, image(folder, tmp_path / "env.iso", "-J"), vendor="VMware, Inc.")
    found = ovf().read(machine, Deadline(60))
    assert (found.hostname, found.properties["instance-id"]) == ("direct", "i-1")
    assert ovf().unchanged(machine, found.fingerprint)
    (values / "metadata").write_text("local-hostname: other\n")
    assert not ovf().unchanged(machine, found.fingerprint)


def test_tree_never_touches_the_machine(host, tools, tmp_path):
    """For a tree, neither the machine's tools nor its drives are asked, even if the tree poses as VMware."""
    tools("vmware-rpctool", {"metadata": "instance-id: i-9\n"})
    (Path(host.root) / "sys/class/dmi/id/sys_vendor").write_text("VMware, Inc.\n")
    assert ovf().detect(host).answer == "no"
    with pytest.raises(SourceAbsent):
        ovf().read(host, Deadline(60))
    assert not (tmp_path / "vmware-rpctool.asked").exists()
