"""Every field has its type, or is named with what was found instead."""

import pytest

from ovfinit.errors import SourceInvalid
from ovfinit.host import Host
from ovfinit.model import Metadata, Nic
from ovfinit.normalize import normalize


@pytest.fixture
def norm(tmp_path):
    return lambda **given: normalize(Metadata(**given), Host(str(tmp_path)), {})


@pytest.mark.parametrize(
    ("given", "name", "expected"),
    [
        ({"instance_id": 7}, "instance_id", "not int"),
        ({"hostname": b"web1"}, "hostname", "not bytes"),
        ({"fqdn": ["a"]}, "fqdn", "not list"),
        ({"public_keys": 3}, "public_keys", "not int"),
        ({"public_keys": ["a", None]}, "public_keys[1]", "not null"),
        ({"network": "dhcp"}, "network", "not str"),
        ({"network": {"ethernets": {"a": {"dhcp4": {1, 2}}}}}, "network.ethernets.a.dhcp4", "not set"),
        ({"user_data": 5}, "user_data", "not int"),
        ({"vendor_data": {}}, "vendor_data", "not dict"),
        ({"properties": ["a"]}, "properties", "not list"),
        ({"properties": {"a": {"b": 1}}}, "properties.a", "not dict"),
        ({"properties": {1: "b"}}, "properties", "not int"),
        ({"launch_index": "0"}, "launch_index", "not str"),
        ({"launch_index": True}, "launch_index", "not bool"),
        ({"password": 5}, "password", "not int"),
        ({"nics": [{"name": "eth0"}]}, "nics[0]", "not dict"),
        ({"nics": [Nic(7)]}, "nics[0].mac", "not int"),
        ({"nics": [Nic("00:00:00:00:00:01", dhcp4="yes")]}, "nics[0].dhcp4", "not str"),
        ({"origins": []}, "origins", "not list"),
        ({"problems": ["bad"]}, "problems[0]", "not str"),
        ({"fingerprint": object()}, "fingerprint", "not object"),
        ({"locale": 1}, "locale", "not int"),
    ],
)
def test_wrong_type(given, name, expected, norm):
    """A field of the wrong type is named together with what was expected and found."""
    with pytest.raises(SourceInvalid) as caught:
        norm(**given)
    assert caught.value.message.startswith(f"{name} must be ")
    assert caught.value.message.endswith(expected)


@pytest.mark.parametrize(
    "given",
    [
        {"hostname": "\ud800"},
        {"user_data": "\ud800"},
        {"public_keys": ["\ud800"]},
        {"properties": {"a": "\ud800"}},
        {"properties": {"\ud800": "a"}},
        {"network": {"a": "\ud800"}},
    ],
)
def test_halves_of_characters(given, norm):
    """Text that no file could hold is refused by the field's name instead of failing later."""
    with pytest.raises(SourceInvalid, match=next(iter(given))):
        norm(**given)
