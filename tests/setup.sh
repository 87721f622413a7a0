#!/bin/sh
# setup.sh demo|test PYTHON VENV: make the virtual environment, and on Debian or Ubuntu as root install what apt must
# bring. Anywhere else, say exactly what is missing. The last step marks the purpose as done, so make asks only once.
set -eu
purpose=$1 python=$2 venv=$3

# program:package pairs
programs="ssh-keygen:openssh-client useradd:passwd"
[ "$purpose" = demo ] || programs="$programs visudo:sudo doas:opendoas sshd:openssh-server ifquery:ifupdown netplan:netplan.io
    genisoimage:genisoimage mcopy:mtools mkfs.vfat:dosfstools ip:iproute2 systemctl:systemd
    NetworkManager:network-manager dbus-daemon:dbus dnsmasq:dnsmasq-base curl:curl
    sfdisk:fdisk mkfs.ext4:e2fsprogs mkfs.btrfs:btrfs-progs mkfs.xfs:xfsprogs lvm:lvm2
    openssl:openssl xorriso:xorriso xmllint:libxml2-utils
    qemu-img:qemu-utils virt-xml-validate:libvirt-clients virt-v2v:virt-v2v grub-mkimage:grub-common vmdb2:vmdb2"

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
missing=
for pair in $programs; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
# NetworkManager's library, which judges our profiles, speaks to the system's own Python only
[ "$purpose" = demo ] || /usr/bin/python3 -c 'import gi; gi.require_version("NM", "1.0")' 2>/dev/null ||
    missing="$missing python3-gi gir1.2-nm-1.0"
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"

if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "setup: installing$missing" >&2
        apt-get -qq update >&2
        # RUNLEVEL=1 keeps the packages from starting services on this machine
        # shellcheck disable=SC2086
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y $missing >&2
    else
        echo "setup: please install these packages (Debian's names):$missing" >&2
        # the demo shows less without them, the tests skip what needs them; only the environment is indispensable
        case "$missing" in *python3-venv*) exit 1 ;; esac
    fi
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
extras=
[ "$purpose" = demo ] || extras='[test]'
# a plain path: the import hook of editable installs costs every start of Python 20 ms, and the tests start thousands
plain=
"$venv/bin/python" -m pip install --help | grep -- --config-settings >/dev/null && plain="--config-settings editable_mode=compat"
# shellcheck disable=SC2086
"$venv/bin/python" -m pip --quiet --disable-pip-version-check install $plain --editable ".$extras"
# COT asks for argparse, which Python itself has since 3.2: the old one would hide it wherever PYTHONPATH names the venv
"$venv/bin/python" -m pip --quiet --disable-pip-version-check uninstall --yes argparse >/dev/null 2>&1 || :
# cloud-init's own reader judges our environments; unpacked, because installed it would take this machine over
if [ "$purpose" = test ] && [ ! -e "$venv/judges/cloud-init" ] && command -v apt-get >/dev/null 2>&1; then
    mkdir -p "$venv/judges"
    (cd "$venv/judges" && apt-get -qq download cloud-init >&2 && dpkg-deb -x cloud-init_*.deb cloud-init) ||
        echo "setup: cloud-init could not be fetched: its tests will be skipped" >&2
fi
: > "$venv/$purpose"
