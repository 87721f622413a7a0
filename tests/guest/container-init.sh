#!/bin/sh
# container-init.sh WORK LOWERS [INIT ARGUMENTS]: becomes PID 1 of a guest, inside fresh name spaces; see container.py.
# What a machine has and a container has not is posed under /sys: WORK/pose/dmi/* (DMI values), WORK/pose/block/*
# (one folder a drive), and a NIC that looks like hardware.
set -eu
work=$1 lowers=$2
shift 2
root=$work/root
mkdir -p "$root" "$work/upper/etc" "$work/work"
: > "$work/upper/etc/fstab"
mount --make-rprivate /
mount -t overlay guest -o "lowerdir=$lowers,upperdir=$work/upper,workdir=$work/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"

pose=$root/run/pose
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$pose/class/dmi/id" "$pose/class/block" "$pose/eth0" "$pose/driver/virtio_net"
(cd "$root/sys/class" && find . -mindepth 2 -maxdepth 2 -type l ! -path "./block/*" -print0) |
    tar -C "$root/sys/class" --null -T - -cf - | tar -C "$pose/class" -xf -
[ ! -d "$work/pose/dmi" ] || cp -R "$work/pose/dmi/." "$pose/class/dmi/id/"
[ ! -d "$work/pose/block" ] || cp -R "$work/pose/block/." "$pose/class/block/"
# a veth is no hardware: give it a device and a driver
for fact in "$root"/sys/devices/virtual/net/eth0/*; do
    [ ! -f "$fact" ] || cat "$fact" > "$pose/eth0/${fact##*/}" 2> /dev/null || true
done
mkdir -p "$pose/eth0/device"
ln -s /run/pose/driver/virtio_net "$pose/eth0/device/driver"
mount --bind "$pose/eth0" "$root/sys/devices/virtual/net/eth0"
mount --bind "$pose/class" "$root/sys/class"
mount -o remount,bind,ro "$root/sys"

mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 dev "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
for node in null zero full random urandom tty; do cp -a "/dev/$node" "$root/dev/"; done
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${number%:*}" "$root/dev/${number#*:}"; done
if [ -f "$work/pose/nodes" ]; then
    while read -r name major minor; do mknod "$root/dev/$name" b "$major" "$minor"; done < "$work/pose/nodes"
fi
mkdir "$root/run/lab"
mount --bind "$work/out" "$root/run/lab"
[ ! -f "$work/pose/cmdline" ] || mount --bind "$work/pose/cmdline" "$root/proc/cmdline"

hostname image
cd "$root"
mkdir -p .before
pivot_root . .before
umount -l .before
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init "$@"
