"""Every format, alone and in each other: what is made of it, and that the rest goes on when a part is off."""

from __future__ import annotations

import base64
import gzip
import threading
from collections.abc import Iterator
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from documents import mime

from ovfinit.deadline import Deadline
from ovfinit.errors import SourceUnreachable
from ovfinit.host import Host
from ovfinit.http import fetch
from ovfinit.model import Metadata, Secret
from ovfinit.userdata import UserData, collect
from ovfinit.userdata.examining import examine

SCRIPT = "#!/bin/sh\necho hello\n"
CONFIG = "#cloud-config\ntimezone: Europe/Vienna\n"


def handed(user: bytes | str | None = None, vendor: bytes | str | None = None, **known: Any) -> UserData:
    """What comes of this data, without a network."""
    texts = {"user_data": user, "vendor_data": vendor}
    data = {name: text.encode() if isinstance(text, str) else text for name, text in texts.items()}
    return collect(Metadata(**data, **known))


def words(found: UserData) -> list[str]:
    """The findings as people see them."""
    return [finding.text for finding in found.findings]


@pytest.mark.parametrize("front", ["", "\ufeff", "\n\n  \n", "\r\n"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_editors_put_in_front(front: str, ends: str) -> None:
    """A byte order mark, blank lines and line ends of Windows change nothing."""
    found = handed((front + CONFIG).replace("\n", ends))
    assert found.config == {"timezone": "Europe/Vienna"}
    script = handed((front + SCRIPT).replace("\n", ends)).scripts[0]
    assert script.content == SCRIPT.encode()


@pytest.mark.parametrize(
    ("subtype", "when"),
    [
        ("x-shellscript", "instance"),
        ("x-shellscript-per-boot", "boot"),
        ("x-shellscript-per-instance", "instance"),
        ("x-shellscript-per-once", "once"),
    ],
)
def test_how_often(subtype: str, when: str) -> None:
    """Each type of script runs as often as its name says, and is called after its part."""
    script = handed(mime((subtype, "a b/../my setup.sh", SCRIPT))).scripts[0]
    assert (script.when, script.name) == (when, "part-001-my-setup.sh")


def test_any_interpreter() -> None:
    """Whatever stands after #! is the user's choice."""
    assert handed("#!/usr/bin/env -S python3 -I\nprint()\n").scripts[0].content.startswith(b"#!/usr/bin/env")


def test_order_of_parts() -> None:
    """Parts keep their order, the vendor's come first; boothooks are apart."""
    found = handed(
        mime(("x-shellscript", "z", SCRIPT), ("cloud-boothook", "", "#cloud-boothook\necho\n"), ("plain", "a", SCRIPT)),
        mime(("x-shellscript", "v", SCRIPT + "#\n")),
    )
    assert [script.name for script in found.scripts] == ["vendor-001-v", "part-001-z", "part-003-a"]
    assert [hook.content for hook in found.boothooks] == [b"#!/bin/sh\necho\n"]


def test_boothook_of_another_interpreter() -> None:
    """A boothook may name its interpreter on its second line."""
    assert handed("#cloud-boothook\r\n#!/bin/bash\r\necho\r\n").boothooks[0].content == b"#!/bin/bash\necho\n"


def nested(*depth: bytes) -> bytes:
    """Documents in documents, as `email` makes them."""
    inner = MIMEMultipart()
    inner.attach(MIMEText(SCRIPT, "x-shellscript"))
    for _ in depth:
        outer = MIMEMultipart()
        outer.attach(inner)
        inner = outer
    return inner.as_bytes()


def test_nested_mime() -> None:
    """MIME in MIME is opened, each part is called by its numbers."""
    found = handed(nested(b"", b""))
    assert found.scripts[0].origin == "user-data part 1.1.1"


def test_mime_nested_a_thousand_levels_deep() -> None:
    """Nobody nests that deep: it is a finding, and it costs no time."""
    document = SCRIPT.encode()
    for number in range(1000):
        boundary = b"b%d" % number
        head = b'Content-Type: multipart/mixed; boundary="%s"\n\n--%s\n' % (boundary, boundary)
        document = head + (b"Content-Type: text/x-shellscript\n\n" if not number else b"") + document
        document += b"\n--%s--\n" % boundary
    found = handed(document)
    assert found.scripts == ()
    assert "nested more than 10 levels deep" in words(found)[0]


def attachment(content: bytes, subtype: str, encoding: str = "base64") -> bytes:
    """A document with one part of these bytes."""
    document = MIMEMultipart()
    part = MIMEBase("application" if subtype == "gzip" else "text", subtype)
    part.set_payload(base64.encodebytes(content).decode() if encoding == "base64" else content.decode())
    part["Content-Transfer-Encoding"] = encoding
    document.attach(part)
    return document.as_bytes()


def test_packed_parts_and_encodings() -> None:
    """A part may be packed, in base64 or quoted-printable; its type is told by its content where none is declared."""
    assert handed(attachment(gzip.compress(SCRIPT.encode()), "gzip")).scripts[0].content == SCRIPT.encode()
    assert handed(attachment(gzip.compress(CONFIG.encode()), "cloud-config")).config["timezone"] == "Europe/Vienna"
    assert (
        handed(attachment(b"#!/bin/sh\necho =3D=\n=3D\n", "x-shellscript", "quoted-printable"))
        .scripts[0]
        .content.startswith(b"#!/bin/sh\necho ==")
    )
    assert handed(gzip.compress(gzip.compress(CONFIG.encode()))).config == {"timezone": "Europe/Vienna"}


def test_another_charset() -> None:
    """A part in another charset becomes UTF-8."""
    document = MIMEMultipart()
    document.attach(MIMEText("#cloud-config\nfinal_message: käse\n", "cloud-config", "iso-8859-1"))
    assert handed(document.as_bytes()).config["final_message"] == "käse"


def test_mime_by_hand() -> None:
    """A header in any case, folded, without quotes; a document without its last boundary; a part without a header."""
    found = handed(
        "From me\nmime-version: 1.0\nCONTENT-TYPE: multipart/mixed;\n  boundary=X\n\npreamble\n"
        "--X\n\n#!/bin/sh\necho --Xno\n--X\ncontent-type: Text/Cloud-Config\nmerge-type: dict(replace)\n\n" + CONFIG
    )
    assert found.scripts[0].content == b"#!/bin/sh\necho --Xno"
    assert found.config == {"timezone": "Europe/Vienna"}
    assert "cut off" in words(found)[0]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("Content-Type: multipart/mixed\n\n--X\n\n", "without a boundary"),
        ('Content-Type: multipart/mixed; boundary="Y"\n\n--X\n\n', "no part begins"),
        (
            'Content-Type: multipart/mixed; boundary="X"\n\n--X\nContent-Transfer-Encoding: rot13\n\na\n--X--\n',
            "unknown Content-Transfer-Encoding 'rot13'",
        ),
    ],
)
def test_mime_that_is_off(document: str, says: str) -> None:
    """What is wrong with a MIME document is said in words."""
    assert says in words(handed(document))[0]


def test_launch_index() -> None:
    """Parts for another instance of the launch are left out, in all three places that can say so."""
    config = "#cloud-config\nlaunch-index: 2\ntimezone: Europe/Vienna\n"
    archive = f"#cloud-config-archive\n- {{launch-index: 2, content: {SCRIPT!r}}}\n"
    for index, there in ((2, True), (1, False)):
        found = handed(mime(("x-shellscript", "", SCRIPT), Launch_Index="2"), launch_index=index)
        assert bool(found.scripts) == there
        assert bool(handed(config, launch_index=index).config) == there
        assert bool(handed(archive.replace("'", '"'), launch_index=index).scripts) == there


def test_archive() -> None:
    """An archive has texts and mappings as parts; what is off in one costs only that one."""
    found = handed(
        "#cloud-config-archive\n"
        "- |\n  #cloud-config\n  timezone: Europe/Vienna\n"
        "- type: text/x-shellscript\n  filename: setup\n  content: |\n    #!/bin/sh\n"
        "- {content: 5}\n- type: text/cloud-config\n  content: |\n    locale: de_AT.UTF-8\n"
    )
    assert found.config == {"timezone": "Europe/Vienna", "locale": "de_AT.UTF-8"}
    assert found.scripts[0].name == "part-002-setup"
    assert ":9:3: error: a part must be a text" in words(found)[0]


def test_jsonp() -> None:
    """A JSON patch changes what the parts before it said, the vendor's too."""
    patch = '#cloud-config-jsonp\n[{"op": "add", "path": "/runcmd/-", "value": "later"}]\n'
    found = handed(
        mime(("cloud-config-jsonp", "", patch)), mime(("cloud-config", "", "#cloud-config\nruncmd: [first]\n"))
    )
    assert found.config["runcmd"] == ("first", "later")


def test_user_above_vendor() -> None:
    """The user's keys replace the vendor's; the vendor's data can be switched off as a whole."""
    vendor = mime(("cloud-config", "", "#cloud-config\ntimezone: UTC\nlocale: C.UTF-8\n"), ("plain", "", SCRIPT))
    found = handed(CONFIG, vendor)
    assert found.config == {"timezone": "Europe/Vienna", "locale": "C.UTF-8"}
    assert len(found.scripts) == 1
    off = handed(CONFIG + "vendor_data: {enabled: false}\n", vendor)
    assert off.scripts == ()
    assert off.config == {"timezone": "Europe/Vienna", "vendor_data": {"enabled": False}}


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


class Pages(BaseHTTPRequestHandler):
    """User data by path."""

    pages: dict[str, str] = {}
    asked: list[str] = []

    def do_GET(self) -> None:
        """One page, or 404."""
        self.asked.append(self.path)
        page = self.pages.get(self.path)
        body = (page or "").encode()
        self.send_response(404 if page is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture
def site() -> Iterator[str]:
    """A server on loopback; its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    Pages.asked = []
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def included(user: str, kept: dict[str, bytes] | None = None) -> UserData:
    """What comes of user data with a network."""

    def get(url: str, limit: int) -> bytes:
        return fetch(url, Deadline(10.0), limit)

    return collect(Metadata(user_data=user.encode()), lambda: kept or {}, get)


def test_include(site: str) -> None:
    """What stands at the URLs is user data of any kind, in the order of the lines, and is kept for later boots."""
    Pages.pages = {"/a": SCRIPT, "/b": f"#include\n{site}/c\n", "/c": CONFIG}
    found = included(f"#include {site}/a\n# a comment\n\n{site}/b\n")
    assert words(found) == []
    assert found.scripts[0].origin == f"{site}/a"
    assert found.config == {"timezone": "Europe/Vienna"}
    Pages.asked.clear()
    again = included(f"#include-once\n{site}/a\n{site}/b\n", dict(found.fetched))
    assert Pages.asked == []
    assert again.config == found.config


def test_include_without_a_network(site: str) -> None:
    """Without a network includes are wanted, which is no mistake."""
    found = handed(f"#include\n{site}/a\n")
    assert (found.wanting, words(found)) == ((f"{site}/a",), [])


def test_includes_that_are_off(site: str) -> None:
    """A circle, a page that is not there and a place that is no URL are findings; the others are read."""
    Pages.pages = {"/a": f"#include\n{site}/b\n", "/b": f"#include\n{site}/a\n", "/c": SCRIPT}
    found = included(f"#include\n{site}/a\n{site}/none\nfile:///etc/passwd\n{site}/c\n")
    assert len(found.scripts) == 1
    assert found.incomplete
    text = "\n".join(words(found))
    assert f"{site}/b:2:1: error: includes {site}/a, which includes it: a circle" in text
    assert f"user-data:3:1: error: {site}/none: " in text
    assert "user-data:4:1: error: is not an http or https URL" in text


def test_include_that_is_too_deep(site: str) -> None:
    """A chain of includes ends at the tenth."""
    Pages.pages = {f"/{number}": f"#include\n{site}/{number + 1}\n" for number in range(20)}
    assert "nested more than 10 levels" in words(included(f"#include\n{site}/0\n"))[0]


def test_unreachable_include_is_unreachable() -> None:
    """A source error of the fetch is a finding with its words."""

    def get(url: str, limit: int) -> bytes:
        raise SourceUnreachable("no way", where=url)

    found = collect(Metadata(user_data=b"#include\nhttp://192.0.2.1/x\n"), dict, get)
    assert words(found) == ["user-data:2:1: error: http://192.0.2.1/x: no way"]


@pytest.mark.parametrize("kind", ["part-handler", "upstart-job"])
def test_what_is_refused(kind: str) -> None:
    """A part handler is refused with a word about what to do instead; other parts are used."""
    found = handed(mime((kind, "", "x"), ("x-shellscript", "", SCRIPT)))
    assert len(found.scripts) == 1
    assert "which is not supported (" in words(found)[0]


def test_bombs_share_one_bound() -> None:
    """Many parts that unpack to a little less than the bound are together over it."""
    bomb = gzip.compress(SCRIPT.encode() + bytes(9 << 20))
    document = MIMEMultipart()
    for _ in range(3):
        part = MIMEBase("text", "x-shellscript")
        part.set_payload(base64.encodebytes(bomb).decode())
        part["Content-Transfer-Encoding"] = "base64"
        document.attach(part)
    found = handed(document.as_bytes())
    assert len(found.scripts) == 1
    assert [text for text in words(found) if "all parts unpacked would be larger" in text]


def test_the_same_part_twice() -> None:
    """It is used twice, under two names, with a warning."""
    found = handed(mime(("x-shellscript", "a", SCRIPT), ("x-shellscript", "a", SCRIPT)))
    assert [script.name for script in found.scripts] == ["part-001-a", "part-002-a"]
    assert words(found) == ["user-data part 2 (a):1:1: warning: is the same as user-data part 1 (a)"]


def test_a_thousand_parts() -> None:
    """More parts than anybody writes are left out, once for all."""
    found = handed(mime(*(("x-shellscript", "", f"{SCRIPT}#{number}\n") for number in range(1100))))
    assert 900 < len(found.scripts) <= 1000
    assert len(found.findings) <= 2
