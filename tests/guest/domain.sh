#!/bin/sh
# domain.sh FOLDER: libvirt's driver starts FOLDER/domain.xml and stays until the machine is off. Its state is in FOLDER,
# and the account that it asks for is there in this mount name space only. See domain.py.
set -eu
folder=$1 account=libvirt-qemu:x:64055:
# the names of sockets below its folder have at most 107 bytes
mkdir -p "$folder/libvirt/etc"
mount --bind "$folder/libvirt" /mnt
cat > /mnt/etc/qemu.conf << 'END'
user = "root"
group = "root"
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
END
(cat /etc/passwd; echo "${account}64055::/nonexistent:/usr/sbin/nologin") > "$folder/passwd"
(cat /etc/group; echo "$account") > "$folder/group"
mount --bind "$folder/passwd" /etc/passwd
mount --bind "$folder/group" /etc/group
exec virt-qemu-run --root=/mnt "$folder/domain.xml"
