"""User data that is a template: filled with what is known of the instance, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from unfolded import handed, words

from ovfinit.host import Host
from ovfinit.model import Metadata, Secret
from ovfinit.userdata import collect
from ovfinit.userdata.examining import examine


def test_template() -> None:
    """A template is filled with the public metadata, under our names and cloud-init's, and nothing else."""
    template = (
        "## template: jinja\n#cloud-config\ntimezone: {{ ds.meta_data['zone-of'] }}\n"
        "final_message: {{ v1.local_hostname }} {{ v1.region }} {{ hostname }} {{ ds.meta_data.local_hostname }} "
        "{{ v1.instance_id }} {{ properties.secret }}\n"
    )
    found = handed(
        template,
        hostname="web1",
        fqdn="web1.example.com",
        instance_id="i-1",
        region="eu",
        properties={"zone-of": "Europe/Vienna", "secret": Secret("hidden")},
    )
    assert words(found) == []
    assert found.config["timezone"] == "Europe/Vienna"
    assert found.config["final_message"] == "web1 eu web1 web1.example.com i-1 <redacted>"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{{ 1 / 0 }}", ":2:1: error: cannot be rendered: division by zero"),
        ("a\n{% if %}", ":3:1: error: cannot be rendered"),
        ("{{ ''.__class__.__mro__ }}", "cannot be rendered"),
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}xxxxxxxx{% endfor %}{% endfor %}",
            "is left out: all parts",
        ),
    ],
)
def test_template_that_is_off(body: str, says: str) -> None:
    """A template that cannot be rendered is left out; it can neither reach the program nor fill memory."""
    assert says in words(handed(f"## template: jinja\n{body}\n"))[0]


def test_names_that_a_template_asks_for_in_vain(tmp_path: Path) -> None:
    """They are false, or leave cloud-init's mark and a warning with the line; the distribution is the tree's."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("ID=debian\nVERSION_ID=12\nVERSION_CODENAME=bookworm\n")
    template = (
        "## template: jinja\n#cloud-config\n"
        "{% if v1.region == 'eu' %}timezone: Europe/Vienna{% else %}timezone: UTC{% endif %}\n"
        "final_message: {{ v1.distro }} {{ v1['distro-release'] }} {{ distro_version }} {{ ds.meta_data.x.y }}\n"
    )
    found = collect(Metadata(user_data=template.encode(), instance_id="i-1"), host=Host(str(tmp_path)))
    assert found.config["timezone"] == "UTC"
    mark = "CI_MISSING_JINJA_VAR/ds.meta_data.x"
    assert found.config["final_message"] == f"debian bookworm 12 {mark}"
    assert words(found) == [f"user-data:4:1: warning: this instance has no ds.meta_data.x: {mark} stands there"]


def test_check_judges_what_comes_of_a_template() -> None:
    """Filled with an example's values, mistakes behind the template are found, and names that no instance has."""
    template = "## template: jinja\n#cloud-config\nhostnam: {{ v1.local_hostname }}\ntimezone: {{ v1.zone }}\n"
    told = [f"{finding.where}: {finding.severity}: {finding.message}" for finding in examine(template.encode(), "x")]
    assert told == [
        "x:4:1: warning: v1.zone is not known: CI_MISSING_JINJA_VAR/v1.zone stands there",
        "x:3:1: error: is not a known key",
    ]
