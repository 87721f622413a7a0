"""What tests of user data share: documents made by the standard library's own `email`, not by hand."""

from __future__ import annotations

from collections.abc import Sequence
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

REAL = Path(__file__).resolve().parents[1] / "data/userdata/real"
TYPES = {"cfg": "cloud-config", "sh": "x-shellscript", "py": "x-shellscript", "txt": "cloud-boothook"}


def mime(*parts: tuple[str, str, str], **headers: str) -> bytes:
    """A multipart document of these parts: subtype of text, file name, content; `headers` are of every part."""
    document = MIMEMultipart()
    for subtype, name, content in parts:
        part = MIMEText(content, subtype, "utf-8")
        if name:
            part.add_header("Content-Disposition", "attachment", filename=name)
        for header, value in headers.items():
            part[header.replace("_", "-")] = value
        document.attach(part)
    return document.as_bytes()


def real() -> bytes:
    """A shop's user data as one MIME document: two cloud-configs, two scripts, a boothook."""
    names: Sequence[str] = ("hook.txt", "web.cfg", "setup.sh", "more.cfg", "report.py")
    return mime(*((TYPES[name.rpartition(".")[2]], name, (REAL / name).read_text()) for name in names))
