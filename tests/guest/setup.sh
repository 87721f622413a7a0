#!/bin/sh
# setup.sh: what building and booting guests needs, brought by apt. Root only, like the guests themselves.
set -eu
packages="mmdebstrap e2fsprogs zstd lz4 iproute2 dnsmasq-base genisoimage openssh-client util-linux"
[ "${1:-}" = container ] || packages="$packages qemu-system-x86 qemu-utils fdisk make
    libvirt-daemon libvirt-daemon-driver-qemu"
missing=
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
[ "$(id -u)" = 0 ] || { echo "setup.sh: please install:$missing" >&2; exit 1; }
echo "setup.sh: installing$missing" >&2
apt-get -qq update >&2
# shellcheck disable=SC2086
RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y $missing >&2
