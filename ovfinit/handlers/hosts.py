"""The whole of /etc/hosts out of a template, for `manage_etc_hosts: true`."""

from __future__ import annotations

from ..changes import WriteFile
from ..model import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..host import Host

OWN = "/etc/ovfinit/hosts.template"
PEERS = "/etc/cloud/templates/hosts.{family}.tmpl"
_FAMILIES = {"rhel": "redhat", "fedora": "redhat", "centos": "redhat", "sles": "suse", "opensuse": "suse"}
_BUILT_IN = """\
# Written by ovfinit: cloud-config has manage_etc_hosts. A template of your own goes to /etc/ovfinit/hosts.template.
127.0.1.1 $fqdn $hostname
127.0.0.1 localhost

::1 localhost ip6-localhost ip6-loopback
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
"""


def render(handler: str, host: Host, hostname: str, fqdn: str) -> Iterator[Change | Problem]:
    """The file from the admin's template, cloud-init's for this distribution, or the built-in one, in this order.

    `$hostname`, `$fqdn` and their Jinja forms `{{hostname}}`, `{{fqdn}}` are replaced; a template that wants more of
    Jinja is reported and passed over.
    """
    ids = (host.os_release.get("ID", ""), *host.os_release.get("ID_LIKE", "").split())
    for path in (OWN, *(PEERS.format(family=_FAMILIES.get(name, name)) for name in ids if name.isalnum())):
        template = host.text(path)
        if template is None:
            continue
        text = _comments_gone(template)
        for name, value in (("hostname", hostname), ("fqdn", fqdn)):
            for form in (f"{{{{{name}}}}}", f"{{{{ {name} }}}}", f"${{{name}}}", f"${name}"):
                text = text.replace(form, value)
        if "{%" in text or "{{" in text:
            yield Problem("manage_etc_hosts", "uses more of Jinja than {{hostname}} and {{fqdn}}; passed over", path)
            continue
        break
    else:
        text = _BUILT_IN.replace("$fqdn", fqdn).replace("$hostname", hostname)
    if hostname == fqdn:
        text = text.replace(f"{hostname} {hostname}", hostname)
    yield WriteFile(handler, "/etc/hosts", content=text.encode("utf-8", "replace"), ours=False)


def _comments_gone(template: str) -> str:
    """Without Jinja's comments and the line that announces the language."""
    head, newline, rest = template.partition("\n")
    text = rest if head.startswith("## template:") else head + newline + rest
    while "{#" in text and "#}" in text.partition("{#")[2]:
        before, _, after = text.partition("{#")
        text = before + after.partition("#}")[2].removeprefix("\n")
    return text
