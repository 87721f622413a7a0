"""Whatever a source returned comes out typed, complete and judged, or is refused by name."""

import pytest

from ovfinit.errors import ConfigError, SourceInvalid
from ovfinit.host import Host
from ovfinit.model import Metadata, Nic, Problem, Secret
from ovfinit.normalize import normalize

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMGKJSbD2wlAmqbeDKqEcgaDdlwzA4uovxLjcGZYPg1q"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO3oNZNRzbSmZA4ckRTe6fZQRVFR3C4TbRNOZM5lDmuq three"


@pytest.fixture
def root(tmp_path):
    def make(**facts):
        made = tmp_path / str(len(list(tmp_path.iterdir())))
        (made / "sys/class/dmi/id").mkdir(parents=True)
        (made / "etc").mkdir()
        for name, value in facts.items():
            path = made / "etc/machine-id" if name == "machine_id" else made / "sys/class/dmi/id" / name
            path.write_text(value + "\n")
        return Host(str(made))

    return make


@pytest.fixture
def host(root):
    return root(product_uuid="42131BB4-8A3C-4F0C-9D0E-6A3F2F7B1C55")


@pytest.fixture
def norm(host):
    return lambda table=None, **fields: normalize(Metadata(**fields), host, table or {})


def fields(metadata):
    return [problem.field for problem in metadata.problems]


def test_plain_forms(norm):
    """Lists, texts for bytes, numbers as values and a `network:` key on top are taken for what they mean."""
    found = norm(
        public_keys=[ED25519],
        user_data="#!/bin/sh\n",
        vendor_data=bytearray(b"x"),
        properties={"count": 3, "on": True, "ratio": 0.5, "none": None},
        network={"network": {"version": 2, "ethernets": {}}},
        password="plain",
        nics=[{"mac": "00-50-56-AA-00-01"}],
    )
    assert (found.public_keys, found.user_data, found.vendor_data) == ((ED25519,), b"#!/bin/sh\n", b"x")
    assert found.properties == {"count": "3", "on": "true", "ratio": "0.5"}
    assert found.network == {"version": 2, "ethernets": {}}
    assert (found.password, found.nics) == (Secret("plain"), (Nic("00:50:56:aa:00:01"),))


def test_empty_is_not_given(norm):
    """Empty texts and empty payloads are the same as none."""
    found = norm(instance_id="i", hostname=" ", user_data=b"", password="", locale="", platform="", public_keys="")
    assert all(
        getattr(found, name) in (None, ()) for name in ("hostname", "user_data", "password", "locale", "platform")
    )


def test_twice(norm, host):
    """What comes through twice is neither decoded nor reported a second time."""
    once = norm(
        hostname="a b",
        public_keys=["ssh-rsa AAAA x", ED25519],
        properties={"password": "x", "ip": "10.0.0.1", "z": "1"},
    )
    assert normalize(once, host, {}) == once


def test_public_keys(norm):
    """One line a key, in order, none twice; comments and blank lines are no keys."""
    found = norm(public_keys=[f"{ED25519} one two\n\n# mine\r\n{OTHER}", f"{ED25519} one two", f"  {ED25519}  "])
    assert found.public_keys == (f"{ED25519} one two", OTHER, ED25519)
    assert found.problems == ()


@pytest.mark.parametrize("spelling", ["i-1", "0042", "1e3", "a/b", "UPPER lower", "~", "ü" * 127])
def test_instance_id_keeps_its_spelling(spelling, norm):
    """An instance id is taken as it is spelled, blanks around it aside."""
    assert norm(instance_id=f" {spelling}\n").instance_id == spelling


@pytest.mark.parametrize("wrong", ["", "  ", ".", "..", "a\nb", "a\x00b", "x" * 256, "ü" * 128])
def test_impossible_instance_id(wrong, norm):
    """An id that could not name an instance makes the answer unusable."""
    with pytest.raises(SourceInvalid, match="instance_id"):
        norm(instance_id=wrong)


def test_derived_instance_id(root, host):
    """Without an id one is derived: the same at each boot, another in a clone, for other content, and without DMI."""

    def derived(machine, **more):
        return normalize(Metadata(**{"hostname": "a", "network": {"b": 1, "c": 2}, **more}), machine, {}).instance_id

    same = derived(host)
    assert same.startswith("iid-")
    assert len(same) == 36
    assert derived(root(product_uuid="42131bb4-8a3c-4f0c-9d0e-6a3f2f7b1c55")) == same
    assert derived(host, network={"c": 2, "b": 1}) == same
    assert derived(host, platform="VMware ESXi 9", nics=[Nic("00:00:00:00:00:01")], password="new") == same
    others = [
        derived(root(product_uuid="53131bb4-8a3c-4f0c-9d0e-6a3f2f7b1c55")),
        derived(root(machine_id="4d5e")),
        derived(root(machine_id="4d5f")),
        derived(root()),
        derived(host, hostname="b"),
        derived(host, public_keys=[ED25519]),
        derived(host, user_data=b"#!/bin/sh\n"),
        derived(host, properties={"k": "v"}),
        derived(host, network={"b": 1, "c": 3}),
    ]
    assert len({same, *others}) == 10


def test_completed_from_properties(norm):
    """Fields that the source left empty are filled from properties, which are used up; given ones are not touched."""
    given = {
        "Instance_ID": "i-7",
        "hostname": "web1",
        "guestinfo.domain": "example.com",
        "username": "erika",
        "password": "p",
        "user-data": "IyEvYmluL3NoCmVjaG8gImhpIHdvcmxkIgo=",
        "vendor-data": "IyEvYmluL3NoCg==",
        "ssh-key": ED25519,
        "public-keys": OTHER,
        "timezone": "Europe/Berlin",
        "locale": "de_DE.UTF-8",
        "left": "over",
    }
    origins = {f"properties.{key}": f"#/{key}" for key in given}
    found = norm(properties=given, origins=origins, username="given", locale="en")
    assert (found.instance_id, found.hostname, found.fqdn) == ("i-7", "web1", "web1.example.com")
    assert (found.username, found.password, found.locale) == ("given", Secret("p"), "de_DE.UTF-8")
    assert (found.user_data, found.vendor_data) == (b'#!/bin/sh\necho "hi world"\n', b"#!/bin/sh\n")
    assert found.public_keys == (OTHER, ED25519)
    assert found.properties == {"username": "erika", "left": "over"}
    assert found.origins["hostname"] == "#/hostname"
    assert found.origins["properties.left"] == "#/left"
    assert "properties.hostname" not in found.origins


def test_refused_property_stays(norm):
    """A property whose value no field can take stays where people find it."""
    found = norm(properties={"hostname": "a b", "timezone": "../x"}, origins={"properties.hostname": "#/h"})
    assert found.properties == {"hostname": "a b", "timezone": "../x"}
    assert [(problem.field, problem.where) for problem in found.problems] == [("hostname", "#/h"), ("timezone", None)]
    assert found.origins == {"properties.hostname": "#/h"}


def test_named_encoding_of_a_property(norm):
    """`NAME.encoding` beside a property says what its text is; a wrong one is reported."""
    found = norm(properties={"user-data": "aGVsbG8=", "user-data.encoding": "base64"})
    assert (found.user_data, found.properties) == (b"hello", {})
    assert norm(properties={"user-data": "aGVsbG8="}).user_data == b"aGVsbG8="
    found = norm(properties={"user-data": "hello", "user-data.encoding": "base64"})
    assert (found.user_data, fields(found)) == (None, ["user_data"])


@pytest.mark.parametrize(
    ("properties", "hostname"),
    [
        ({"hostname.1": "a"}, "a"),
        ({"hostname.2": "b", "hostname.1": "a"}, "b"),
        ({"com.example.app.hostname": "a"}, "a"),
        ({"com.example.app.hostname.1": "a"}, "a"),
        ({"com.example.app.hostname": "a", "org.example.hostname": "b"}, None),
        ({"mail.hostname": "a"}, None),
        ({"guestinfo.cis.system.vm0.hostname": "a"}, None),
        ({"hostname.web": "a"}, None),
        ({"hostname.web": "a", "vm.vmname": "Web"}, "a"),
        ({"hostname.web": "a", "hostname.db": "b", "ovf:id": "db"}, "b"),
        ({"vami.hostname.some.vm": "a"}, "a"),
        ({"vami.hostname.x": "a", "vami.hostname.y": "b"}, None),
        ({"com.example.app.hostname": "a", "hostname": "b"}, "b"),
        ({"HOSTNAME": "a"}, "a"),
        ({"hostname": Secret("x")}, None),
    ],
)
def test_qualified_names(properties, hostname, norm):
    """A class or an instance in a name is understood where it can only mean this machine."""
    assert norm(properties=properties).hostname == hostname


def test_class_never_gives_a_login(norm):
    """An application's own password and account are not the default user's."""
    found = norm(properties={"com.example.db.password": "x", "com.example.db.username": "y", "db.ip": "10.0.0.1/8"})
    assert (found.password, found.username, found.network) == (None, None, None)
    assert found.properties["com.example.db.password"] == Secret("x")


def test_admin_table(norm):
    """Names that an admin adds go before the built-in ones; a wrong field or type is a configuration error."""
    table = {"hostname": ["my.name"], "network.address": "lan.{n}.addr"}
    found = norm(table, properties={"my.name": "mine", "hostname": "theirs", "lan.0.addr": "10.0.0.5/24"})
    assert found.hostname == "mine"
    assert found.network["ethernets"]["nic0"]["addresses"] == ["10.0.0.5/24"]
    for wrong in ({"hostnam": ["x"]}, {"hostname": 5}, {"hostname": [5]}):
        with pytest.raises(ConfigError, match=r"ovf\.properties"):
            norm(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "version: 2\nethernets: {a: {dhcp4: true}}\n",
        "network:\n  version: 2\n  ethernets: {a: {dhcp4: true}}\n",
        "bmV0d29yazoKICB2ZXJzaW9uOiAyCiAgZXRoZXJuZXRzOiB7YTogeyBkaGNwNDogdHJ1ZX19",
        '{"version": 2, "ethernets": {"a": {"dhcp4": true}}}',
    ],
)
def test_network_config_property(text, norm):
    """A network-config property, plain or base64, goes before single addresses."""
    found = norm(properties={"network-config": text, "ip0": "10.0.0.5/24"})
    assert found.network == {"version": 2, "ethernets": {"a": {"dhcp4": True}}}
    assert found.properties == {"ip0": "10.0.0.5/24"}


def test_network_config_version_1(norm):
    """Version 1 becomes version 2."""
    config = "{type: physical, name: a, subnets: [{type: dhcp}]}"
    found = norm(properties={"network-config": f"network: {{version: 1, config: [{config}]}}"})
    assert found.network == {"version": 2, "ethernets": {"a": {"dhcp4": True}}}


@pytest.mark.parametrize("text", ["a: [", "just text", "- list", "bm90IGEgbWFwcGluZw=="])
def test_broken_network_config(text, norm):
    """A network-config that is none is reported, and single addresses take its place."""
    found = norm(properties={"network-config": text, "ip0": "10.0.0.5/24"})
    assert fields(found) == ["network"]
    assert found.network["ethernets"]["nic0"]["addresses"] == ["10.0.0.5/24"]


def test_network_from_nics(norm):
    """Where neither a configuration nor addresses are given, adapters that the platform serves make one."""
    found = norm(nics=[Nic("00:50:56:00:00:01", dhcp4=True)])
    assert found.network["version"] == 2
    assert norm(nics=[Nic("00:50:56:00:00:01")]).network is None


@pytest.mark.parametrize("zone", ["UTC+120", "UTC-300", "UTC", "Europe/Berlin", "Etc/GMT+5"])
def test_timezones(zone, norm):
    """Names and offsets pass."""
    assert norm(timezone=zone).timezone == zone


@pytest.mark.parametrize("wrong", ["../../etc/shadow", "/etc/passwd", "Europe Berlin", "x" * 65, "-x", "a\nb"])
def test_bad_timezone_and_locale(wrong, norm):
    """What could lead elsewhere than to a zone or a locale is reported."""
    found = norm(timezone=wrong, locale=wrong)
    assert (found.timezone, found.locale, sorted(fields(found))) == (None, None, ["locale", "timezone"])


def test_bounds(norm):
    """User data and properties have their limits."""
    assert len(norm(user_data=b"#" * 16 * 1024 * 1024).user_data) == 16 * 1024 * 1024
    with pytest.raises(SourceInvalid, match="user_data is larger"):
        norm(user_data=b"#" * (16 * 1024 * 1024 + 1))
    with pytest.raises(SourceInvalid, match="properties are more"):
        norm(properties={str(number): "" for number in range(8193)})
    with pytest.raises(SourceInvalid, match="properties has a name longer"):
        norm(properties={"x" * 1025: ""})
    with pytest.raises(SourceInvalid, match="network has more"):
        norm(network={"a": [[[[[]]]]] * 100_000})
    deep = {}
    for _ in range(40):
        deep = {"a": deep}
    with pytest.raises(SourceInvalid, match="nested deeper"):
        norm(network=deep)


def test_secrets_stay_hidden(norm):
    """Secrets of any kind reach no text form."""
    found = norm(password="hunter2", properties={"admin_password": "hunter2", "token": Secret("hunter2")})
    assert "hunter2" not in repr(found)


def test_problems_of_the_source_are_kept(norm):
    """What the source itself reported comes first."""
    own = Problem("x", "y")
    assert norm(problems=[own], hostname="a b").problems[0] == own
