"""A scene for user data: one packed MIME document as a shop has it, looked at on two boots."""

from __future__ import annotations

import gzip
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import TYPE_CHECKING

import inputs
from checks import USER, Expect
from lab import STATIC
from plug import Plug

if TYPE_CHECKING:
    from run import Stage

HOOK = '#cloud-boothook\necho "hook of $INSTANCE_ID" >> /var/lib/shop-hooks\n'
# what needs no other machine: the guest's network leads nowhere
CONFIG = """#cloud-config
merge_how: list(append)+dict(no_replace,recurse_list)+str()
hostname: shop7
fqdn: shop7.shop.example
prefer_fqdn_over_hostname: false
preserve_hostname: false
manage_etc_hosts: localhost
timezone: Europe/Vienna
groups:
- deploy
users:
- default
- {name: ann, gecos: Ann Operator, groups: [deploy], shell: /bin/bash, lock_passwd: false}
- {name: robot, system: true, no_create_home: true, shell: /usr/sbin/nologin}
ssh_pwauth: false
disable_root: true
ssh_deletekeys: true
no_ssh_fingerprints: false
chpasswd: {expire: false, users: [{name: ann, type: hash, password: $6$lab$lab}]}
write_files:
- {path: /etc/shop.conf, content: "shop: 7\\n", permissions: '0640', owner: 'root:deploy'}
- {path: /etc/motd.d/shop, encoding: b64, content: U2hvcCBzZXJ2ZXIuCg==}
- {path: /opt/late.conf, content: "late: true\\n", defer: true}
- {path: /etc/profile, content: "export SHOP=7\\n", append: true}
bootcmd:
- echo "boot of $INSTANCE_ID" >> /var/lib/shop-boots
runcmd:
- [touch, /var/lib/shop-ready]
- cd /opt
- pwd > /var/lib/shop-folder
final_message: shop7 is up after $UPTIME
growpart: {mode: off}
resize_rootfs: false
create_hostname_file: true
allow_public_ssh_keys: true
vendor_data: {enabled: false}
"""
MORE = "#cloud-config\nruncmd:\n- echo merged > /var/lib/shop-merged\n"
SETUP = '#!/bin/sh\necho "setup of $INSTANCE_ID" > /var/lib/shop-setup\n'
LOOK = """#!/bin/sh
echo "hooks: $(wc -l < /var/lib/shop-hooks) $(tail -1 /var/lib/shop-hooks)"
echo "boots: $(wc -l < /var/lib/shop-boots) $(tail -1 /var/lib/shop-boots)"
echo "setup: $(cat /var/lib/shop-setup)"
echo "folder: $(cat /var/lib/shop-folder)"
echo "merged: $(cat /var/lib/shop-merged)"
echo "zone: $(readlink /etc/localtime)"
echo "file: $(stat -c '%a %U:%G' /etc/shop.conf) $(cat /etc/shop.conf)"
echo "late: $(cat /opt/late.conf) $(cat /etc/motd.d/shop)"
echo "profile: $(grep -c SHOP=7 /etc/profile)"
echo "ann: $(id -nG ann) $(awk -F: '$1 == "ann" {print substr($2, 1, 1)}' /etc/shadow)"
echo "robot: $(getent passwd robot | cut -d: -f7) $(test -e /home/robot && echo home)"
echo "sshd: $(sshd -T | grep -i '^passwordauthentication')"
echo "vendor: $(ls /var/lib/shop-vendor 2> /dev/null)"
ovfinit status --json | python3 -c '
import json, sys
known = json.load(sys.stdin)
ran = [(one["name"], one["exit_code"]) for one in known["scripts"]]
print("ran:", *(f"{name}={code}" for name, code in sorted(ran)))
print("found:", len(known["findings"]), known["status"])'
"""
SEEN = """hooks: {boots} hook of i-shop
boots: {boots} boot of i-shop
setup: setup of i-shop
folder: /opt
merged: merged
zone: /usr/share/zoneinfo/Europe/Vienna
file: 640 root:deploy shop: 7
late: late: true Shop server.
profile: 1
ann: ann deploy $
robot: /usr/sbin/nologin
sshd: passwordauthentication no
vendor:
found: 0 done
"""


def user_data(stage: Stage) -> None:
    """A packed MIME document: a boothook, two cloud-configs with thirty keys, two scripts; and a vendor's, refused."""
    document = MIMEMultipart()
    for subtype, name, text in (
        ("cloud-boothook", "hook", HOOK),
        ("cloud-config", "web.cfg", CONFIG),
        ("x-shellscript", "setup.sh", SETUP),
        ("cloud-config", "more.cfg", MORE),
        ("x-shellscript", "lab.sh", inputs.SCRIPT),
    ):
        part = MIMEText(text, subtype)
        part.add_header("Content-Disposition", "attachment", filename=name)
        document.attach(part)
    files = {name: text.encode() for name, text in inputs.seed("i-shop", "other", stage.public).items()}
    files["user-data"] = gzip.compress(document.as_bytes())
    files["vendor-data"] = b"#!/bin/sh\ntouch /var/lib/shop-vendor\n"
    stage.guest.put({f"/var/lib/ovfinit/seed/{name}": (content, 0o600) for name, content in files.items()})
    stage.guest.put({"/usr/local/sbin/look": (LOOK.encode(), 0o755)})

    def look(boots: int) -> list[str]:
        _, said = stage.lab.ssh(STATIC, USER, stage.key, "sudo", "-n", "look", limit=30.0)
        seen = [line.strip() for line in said.splitlines()]
        wrong = [line for line in SEEN.format(boots=boots).splitlines() if line.strip() not in seen]
        return [*wrong, said] if wrong else []

    stage.boot("first", Plug(), Expect("shop7", STATIC, source="seed"), lambda: look(1))
    stage.boot("second", Plug(), Expect("shop7", STATIC, keys="same", source="seed"), lambda: look(2))
