"""The OVF source: documents of many producers, volumes, guestinfo, and what is told apart."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from datasources.ovf import Ovf
from ovfinit.datasource import Deadline, SourceAbsent, SourceInvalid, SourceUnreachable
from ovfinit.host import BlockDevice, Host
from ovfinit.model import Metadata, Nic, Problem, Secret
from ovfinit.normalize import normalize

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
    return ovf(path).read(host, Deadline(5))


def image(folder, path, *options):
    subprocess.run(["genisoimage", "-quiet", "-o", str(path), *options, str(folder)], check=True)
    return path


def golden(value):
    """A metadata as plain data, without what may be secret or is long."""
    if isinstance(value, Secret):
        return "<redacted>"
    if isinstance(value, bytes):
        return {"size": len(value), "sha256": hashlib.sha256(value).hexdigest()}
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
        return [BlockDevice(f"sr{n}", str(path), 1, True, True) for n, path in enumerate(self.images)]

    def dmi(self, name):
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


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("<Environment>\n  <PropertySection>", "2:20", "cut off"),
        ('<Environment>\n<Property key="a" value="x & y"/></Environment>', "2:", "&amp;"),
        ('<!DOCTYPE x [<!ENTITY a "b">]>\n<Environment/>', "1:1", "DOCTYPE"),
        ("<Envelope/>", "1:1", "Envelope"),
        ("<html><body>404</body></html>", "1:1", "html"),
        ("<a>" * 40, "", "root"),
        ("<Environment>" + "<a>" * 40, "", "deeper than 32"),
        ("<Environment>" + "<a/>" * 100_001 + "</Environment>", "", "100000"),
        ('<Environment><PropertySection a="1" a="2"/></Environment>', "1:", "duplicate attribute"),
        ("<?xml version='1.0' encoding='klingon'?><Environment/>", "1:", "encoding"),
        (b"<?xml version='1.0' encoding='utf-16'?><Environment/>", "1:", "UTF-8"),
        (b"<Environment><PropertySection>\xe4</PropertySection></Environment>", "1:", "UTF-8"),
        ("<Environment/>junk", "1:15", "junk"),
        ("<" + " " * (4 * 1024 * 1024), "", "larger"),
    ],
)
def test_unusable_document(text, place, words, host, tmp_path):
    """What is malformed, hostile or no environment is invalid, with its place and what to do."""
    path = tmp_path / "e.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(SourceInvalid) as caught:
        read(path, host)
    assert words in str(caught.value)
    assert (caught.value.where or "").startswith(f"{path}:{place}" if place else str(path))


@pytest.mark.parametrize("ending", [b"", b"\0", b"\0" * 4096, b"\n\n", b"\0garbage", b"<!-- end -->\n"])
def test_buffer_behind_document(ending, host, tmp_path):
    """Zeros and what follows them, as a guestinfo buffer has, do not spoil a document."""
    path = tmp_path / "e.xml"
    path.write_bytes(environment(("hostname", "web1")) + ending)
    assert read(path, host).properties["hostname"] == "web1"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_unicode_encodings(encoding, host, tmp_path):
    """A byte-order mark and UTF-16 are as good as plain UTF-8."""
    path = tmp_path / "e.xml"
    text = environment(("greeting", "Grüße")).decode()
    path.write_bytes(text.encode(encoding))
    assert read(path, host).properties["greeting"] == "Grüße"


def test_latin1_declared(host, tmp_path):
    """A declared encoding other than UTF-8 is honoured."""
    path = tmp_path / "e.xml"
    text = '<?xml version="1.0" encoding="iso-8859-1"?>' + environment(("greeting", "Grüße")).decode()
    path.write_bytes(text.encode("latin-1"))
    assert read(path, host).properties["greeting"] == "Grüße"


def test_duplicate_property(host, tmp_path):
    """Of a doubled key the last value counts, and it is said; a value of blanks is none."""
    path = tmp_path / "e.xml"
    path.write_bytes(environment(("a", "1"), ("a", "2"), ("b", "  "), ("c", "x"), ("c", "x")))
    found = read(path, host)
    assert found.properties == {"a": "2", "c": "x"}
    assert [problem.field for problem in found.problems] == ["properties.a"]


def test_secret_properties(host, tmp_path):
    """Values whose name or form tells that they are secret never show."""
    path = tmp_path / "e.xml"
    path.write_bytes(
        environment(
            ("db.root_pwd", "s3cr3t"),
            ("apiToken", "s3cr3t"),
            ("guestinfo.ignition.config.data", "s3cr3t"),
            ("cert", "-----BEGIN RSA PRIVATE KEY----- s3cr3t"),
            ("compass", "north"),
        )
    )
    found = read(path, host)
    assert "s3cr3t" not in repr(found)
    assert found.properties["compass"] == "north"


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
        fingerprint = json.loads(json.dumps(source.read(host, Deadline(5)).fingerprint))
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
    fingerprint = ovf(path).read(host, Deadline(5)).fingerprint
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
        [sys.executable, "-S", "-c", program], cwd=SAMPLES.parent.parent.parent, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_seed_in_tree(host):
    """The seed file of the tree is found, read, and recognised again."""
    source = ovf()
    assert source.detect(host).answer == "no"
    with pytest.raises(SourceAbsent):
        source.read(host, Deadline(5))
    seed = host.path("/var/lib/ovfinit/seed/ovf-env.xml")
    seed.parent.mkdir(parents=True)
    seed.write_bytes(environment(("hostname", "baked")))
    assert source.detect(host).answer == "yes"
    found = source.read(host, Deadline(5))
    assert (found.properties["hostname"], found.location) == ("baked", "/var/lib/ovfinit/seed/ovf-env.xml")
    assert source.unchanged(host, found.fingerprint)
    seed.unlink()
    assert not source.unchanged(host, found.fingerprint)


def test_drives(folder, host, tmp_path):
    """The drive that has the document is chosen, says so in words, and is known again until an earlier one has it too."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "readme").write_text("x")
    data = image(other, tmp_path / "sr0.iso", "-V", "DATA", "-J")
    carrier = image(folder, tmp_path / "sr1.iso", "-V", "OVF ENV", "-J", "-r")
    machine = Posing(host.root, data, carrier)
    source = ovf()
    detection = source.detect(machine)
    assert (detection.answer, "labelled 'OVF ENV'" in detection.reason) == ("yes", True)
    found = source.read(machine, Deadline(5))
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
    assert ovf().read(Posing(host.root, first, second), Deadline(5)).location == str(second)
    with pytest.raises(SourceAbsent):
        ovf().read(Posing(host.root, first), Deadline(5))


def test_guestinfo_environment(host, tools):
    """The OVF environment comes out of guestinfo.ovfEnv, with zeros behind it."""
    tools("vmware-rpctool", {"ovfEnv": environment(("hostname", "web1")) + b"\0\0"})
    found = read("guestinfo", host)
    assert (found.properties, found.location) == ({"hostname": "web1"}, "guestinfo")


def test_guestinfo_beats_environment(host, tools):
    """Plain guestinfo variables go before their equals in the OVF environment; the rest of it holds."""
    metadata = {"instance-id": "0x10", "local-hostname": "direct", "public-keys": ["ssh-ed25519 A a"], "rack": 7}
    tools(
        "vmware-rpctool",
        {
            "ovfEnv": environment(("hostname", "form"), ("user-data", "#!/bin/sh"), ("timezone", "Europe/Paris")),
            "metadata": b64encode(gzip.compress(json.dumps(metadata).encode())),
            "metadata.encoding": "gz+b64",
            "userdata": "#cloud-config\n{}\n",
            "userdata.encoding": "---",
            "vendordata": "---",
        },
    )
    found = normalize(read("guestinfo", host), host, {})
    assert (found.instance_id, found.hostname, found.timezone) == ("0x10", "direct", "Europe/Paris")
    assert (found.user_data, found.vendor_data) == (b"#cloud-config\n{}", None)
    assert found.properties["rack"] == "7"
    assert found.origins["hostname"] == "guestinfo.metadata#/local-hostname"


@pytest.mark.parametrize(
    "metadata",
    [
        "instance-id: 1e3\nnetwork: {version: 2, ethernets: {a: {dhcp4: true}}}\n",
        "instance-id: 1e3\nnetwork.encoding: base64\nnetwork: "
        + b64encode(b"network:\n  version: 2\n  ethernets: {a: {dhcp4: true}}\n").decode(),
        b64encode(b"instance-id: 1e3\nnetwork: {version: 2, ethernets: {a: {dhcp4: true}}}\n"),
    ],
)
def test_guestinfo_metadata_alone(metadata, host, tools):
    """guestinfo.metadata alone is an answer; its network may be a mapping or encoded, and an id keeps its spelling."""
    tools("vmware-rpctool", {"metadata": metadata})
    found = normalize(read("guestinfo", host), host, {})
    assert found.instance_id == "1e3"
    assert found.network == {"version": 2, "ethernets": {"a": {"dhcp4": True}}}


def test_guestinfo_absent_unreachable_hanging(host, tools, tmp_path):
    """No value is absent; a refused, a failing and a hanging tool are unreachable, with the tool's reason."""
    tools("vmware-rpctool", {})
    with pytest.raises(SourceAbsent, match="nothing"):
        read("guestinfo", host)
    tools("vmtoolsd", {"metadata": "---"}, otherwise="no", status=1)
    (tmp_path / "bin/vmware-rpctool").write_text("#!/bin/sh\necho Permission denied >&2; exit 1\n")
    with pytest.raises(SourceUnreachable, match="Permission denied"):
        read("guestinfo", host)
    for name in ("vmware-rpctool", "vmtoolsd"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(SourceUnreachable, match="not done in time"):
        ovf("guestinfo").read(host, Deadline(0.2))


def test_guestinfo_second_tool(host, tools, tmp_path):
    """Where rpctool is refused vmtoolsd is asked, and the refused one is not asked again."""
    tools("vmware-rpctool", {}, otherwise="Permission denied")
    tools("vmtoolsd", {"metadata": "instance-id: i-9\n"})
    assert read("guestinfo", host).instance_id == "i-9"
    assert (tmp_path / "vmware-rpctool.asked").read_text().split() == ["ovfEnv"]


def test_guestinfo_unchanged(host, tools):
    """Guestinfo is known again by its values."""
    values = tools("vmware-rpctool", {"metadata": "instance-id: i-9\n"})
    source = ovf("guestinfo")
    fingerprint = source.read(host, Deadline(5)).fingerprint
    assert source.unchanged(host, fingerprint)
    (values / "userdata").write_text("#!/bin/sh\n")
    assert not source.unchanged(host, fingerprint)


def test_guestinfo_malformed(host, tools):
    """A metadata document that cannot be used makes the answer invalid, with its place; broken user data only a problem."""
    values = tools("vmware-rpctool", {"metadata": "a: [1\n"})
    with pytest.raises(SourceInvalid) as caught:
        read("guestinfo", host)
    assert caught.value.where.startswith("guestinfo.metadata:")
    (values / "metadata").write_text("- a\n")
    with pytest.raises(SourceInvalid, match="mapping"):
        read("guestinfo", host)
    (values / "metadata").write_text("instance-id: a\n")
    (values / "userdata").write_text("!!!")
    (values / "userdata.encoding").write_text("base64")
    found = read("guestinfo", host)
    assert (found.user_data, [problem.field for problem in found.problems]) == (None, ["user_data"])


def test_vmware_without_tools_or_value(folder, host, tools, tmp_path):
    """On VMware guestinfo is asked first; if it cannot be, a CD-ROM's answer counts and says what is missing."""
    tools("vmware-rpctool", {}, otherwise="Permission denied")
    tools("vmtoolsd", {}, otherwise="Permission denied")
    carrier = image(folder, tmp_path / "env.iso", "-J")
    machine = Posing(host.root, carrier, vendor="VMware, Inc.")
    found = ovf().read(machine, Deadline(5))
    assert found.location == str(carrier)
    assert "Permission denied" in found.problems[0].message
    assert ovf().unchanged(machine, found.fingerprint)
    bare = Posing(host.root, vendor="VMware, Inc.")
    assert ovf().detect(bare).answer == "maybe"
    with pytest.raises(SourceUnreachable, match="Permission denied"):
        ovf().read(bare, Deadline(5))


def test_vmware_with_both(folder, host, tools, tmp_path):
    """On VMware plain guestinfo goes before a CD-ROM's equals, and both are watched for changes."""
    values = tools("vmware-rpctool", {"metadata": "local-hostname: direct\n"})
    machine = Posing(host.root, image(folder, tmp_path / "env.iso", "-J"), vendor="VMware, Inc.")
    found = ovf().read(machine, Deadline(5))
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
        ovf().read(host, Deadline(5))
    assert not (tmp_path / "vmware-rpctool.asked").exists()
