"""The table of types: what user data can be, by MIME type."""

from __future__ import annotations

from ..changes import BOOT, INSTANCE, ONCE

SCRIPT = "text/x-shellscript"
CONFIG = "text/cloud-config"
PATCH = "text/cloud-config-jsonp"
BOOTHOOK = "text/cloud-boothook"
# type → in words, for what is used as it is
LEAVES = {
    SCRIPT: "a script",
    f"{SCRIPT}-per-boot": "a script of every boot",
    f"{SCRIPT}-per-instance": "a script of this instance",
    f"{SCRIPT}-per-once": "a script that runs once",
    CONFIG: "cloud-config",
    PATCH: "a JSON patch of cloud-config",
    BOOTHOOK: "a boothook",
}
# scripts → how often they run
WHEN = {SCRIPT: INSTANCE, f"{SCRIPT}-per-boot": BOOT, f"{SCRIPT}-per-instance": INSTANCE, f"{SCRIPT}-per-once": ONCE}
# type → the module of this package that opens it; all multipart types are MIME documents
CONTAINERS = {
    "text/cloud-config-archive": "archive",
    "text/x-include-url": "include",
    "text/x-include-once-url": "include",
    "text/jinja2": "jinja",
    "message/rfc822": "mime",
}
# type → what to do instead
REFUSED = {
    "text/part-handler": "Python in user data is not run: a script can do it, or a plugin (docs/datasource.md)",
    "text/upstart-job": "write_files can make a systemd unit, runcmd start it",
}
# types that say nothing, so the content does
GENERIC = (
    "text/plain",
    "text/x-not-multipart",
    "text/x-pre-jinja2",
    "application/octet-stream",
    "application/gzip",
    "application/x-gzip",
    "application/x-gunzip",
    "application/x-compressed",
)
_OTHERS = {
    "text/cloud-config-archive": "a cloud-config archive",
    "text/x-include-url": "a list of URLs",
    "text/x-include-once-url": "a list of URLs",
    "text/jinja2": "a template",
    "text/part-handler": "a part handler",
    "text/upstart-job": "an upstart job",
    "multipart/mixed": "a MIME document",
}


def describe(kind: str) -> str:
    """A type in words."""
    return LEAVES.get(kind) or _OTHERS.get(kind) or kind
