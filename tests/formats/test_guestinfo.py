"""VMware's guestinfo, asked through programs that answer as open-vm-tools' own do."""

import gzip
import json
import os
from base64 import b64encode

import pytest

from datasources.ovf import Ovf
from ovfinit.datasource import Deadline, SourceAbsent, SourceInvalid, SourceUnreachable
from ovfinit.host import Host
from ovfinit.normalize import normalize

OPEN = '<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1"'


def environment(*properties):
    listed = "".join(f'<Property oe:key="{key}" oe:value="{value}"/>' for key, value in properties)
    return f'{OPEN} oe:id=""><PropertySection>{listed}</PropertySection></Environment>'.encode()


def guestinfo():
    source = Ovf()
    source.location = "guestinfo"
    return source


def read(host):
    return guestinfo().read(host, Deadline(60))


@pytest.fixture
def host(tmp_path):
    return Host(str(tmp_path / "root"))


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


def test_guestinfo_environment(host, tools):
    """The OVF environment comes out of guestinfo.ovfEnv, with zeros behind it."""
    tools("vmware-rpctool", {"ovfEnv": environment(("hostname", "web1")) + b"\0\0"})
    found = read(host)
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
    found = normalize(read(host), host, {})
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
    found = normalize(read(host), host, {})
    assert found.instance_id == "1e3"
    assert found.network == {"version": 2, "ethernets": {"a": {"dhcp4": True}}}


def test_guestinfo_absent_unreachable_hanging(host, tools, tmp_path):
    """No value is absent; a refused, a failing and a hanging tool are unreachable, with the tool's reason."""
    tools("vmware-rpctool", {})
    with pytest.raises(SourceAbsent, match="nothing"):
        read(host)
    tools("vmtoolsd", {"metadata": "---"}, otherwise="no", status=1)
    (tmp_path / "bin/vmware-rpctool").write_text("#!/bin/sh\necho Permission denied >&2; exit 1\n")
    with pytest.raises(SourceUnreachable, match="Permission denied"):
        read(host)
    for name in ("vmware-rpctool", "vmtoolsd"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(SourceUnreachable, match="not done in time"):
        guestinfo().read(host, Deadline(0.2))


def test_guestinfo_second_tool(host, tools, tmp_path):
    """Where rpctool is refused vmtoolsd is asked, and the refused one is not asked again."""
    tools("vmware-rpctool", {}, otherwise="Permission denied")
    tools("vmtoolsd", {"metadata": "instance-id: i-9\n"})
    assert read(host).instance_id == "i-9"
    assert (tmp_path / "vmware-rpctool.asked").read_text().split() == ["ovfEnv"]


def test_guestinfo_unchanged(host, tools):
    """Guestinfo is known again by its values."""
    values = tools("vmware-rpctool", {"metadata": "instance-id: i-9\n"})
    source = guestinfo()
    fingerprint = source.read(host, Deadline(60)).fingerprint
    assert source.unchanged(host, fingerprint)
    (values / "userdata").write_text("#!/bin/sh\n")
    assert not source.unchanged(host, fingerprint)


def test_guestinfo_malformed(host, tools):
    """A metadata document that cannot be used makes the answer invalid; broken user data is only a problem."""
    values = tools("vmware-rpctool", {"metadata": "a: [1\n"})
    with pytest.raises(SourceInvalid) as caught:
        read(host)
    assert caught.value.where.startswith("guestinfo.metadata:")
    (values / "metadata").write_text("- a\n")
    with pytest.raises(SourceInvalid, match="mapping"):
        read(host)
    (values / "metadata").write_text("instance-id: a\n")
    (values / "userdata").write_text("!!!")
    (values / "userdata.encoding").write_text("base64")
    found = read(host)
    assert (found.user_data, [problem.field for problem in found.problems]) == (None, ["user_data"])
