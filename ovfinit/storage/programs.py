"""Shell programs that make partitions, file systems and swap files, and look before they do.

What lies on a disk is only known when it comes to it, after the disk was waited for and the partitions before it were
made. So the question whether a device may be written to is asked here, in the same breath. All values are arguments:
none becomes part of a program's text.
"""

from __future__ import annotations

_LOOK = """
set -eu
settle() { udevadm settle --timeout=30 ${1:+--exit-if-exists="$1"} 2>/dev/null || :; }
refuse() { echo "$1" >&2; exit 1; }
# every signature: file systems, tables, RAID, LVM, LUKS, swap; without an answer nothing is written
holds() {
    types=$(wipefs --noheadings --output TYPE "$1") || refuse "nobody can tell what $1 holds, so it is left alone"
    [ -z "$types" ] || printf '%s ' $types
}
settle "$device"
[ -b "$device" ] || refuse "$device is not there, or is no block device"
"""

# device, dos|gpt, true|false (overwrite), any|TYPES (what it would look like if it was made already), SIZE:TYPE …
PARTITION = (
    "device=$1 table=$2 overwrite=$3 same=$4; shift 4\n"
    + _LOOK
    + """
dump=$(sfdisk --dump "$device" 2>/dev/null || :)
there=$(printf '%s\\n' "$dump" | sed -n 's/.*type= *\\([^, ]*\\).*/\\1/p' | tr 'a-z\\n' 'A-Z ')
kind=$(printf '%s\\n' "$dump" | sed -n 's/^label: *//p')
if [ "$kind" = "$table" ]; then
    [ "${there% }" != "$same" ] || { echo "$device is partitioned like that already"; exit; }
    [ "$same" != any ] || [ -z "${there% }" ] || [ "${there% }" != "${there%% *}" ] ||
        { echo "$device has one partition already"; exit; }
fi
found=$(holds "$device")
[ -z "$found" ] || [ "$overwrite" = true ] || refuse "$device holds ${found}and is left alone: say overwrite: true"
sectors=$(blockdev --getsz "$device")
script="label: $table"
for one; do
    size=${one%%:*} type=${one#*:}
    # in MiB, so that every partition begins where disks like it; the last one takes what is left
    [ -z "$size" ] || size=$((sectors / 2048 * size / 100))MiB
    script="$script
size=${size:-+}, type=$type"
done
printf '%s\\n' "$script" | sfdisk --quiet --wipe always --wipe-partitions always "$device"
partx --update "$device" 2>/dev/null || :
settle
"""
)

# device
CLEAR = (
    "device=$1\n"
    + _LOOK
    + """
for part in $(lsblk --noheadings --list --paths --output NAME "$device" | tail -n +2); do
    wipefs --quiet --all "$part"
done
wipefs --quiet --all "$device"
partx --delete "$device" 2>/dev/null || :
settle
"""
)

# device, this|auto|any, type, label, true|false (overwrite), type to replace or nothing, program in which $device is it
FORMAT = (
    "device=$1 mode=$2 type=$3 label=$4 overwrite=$5 replace=$6 make=$7\n"
    + _LOOK
    + """
tag() { blkid --probe --match-tag "$2" --output value "$1" 2>/dev/null || :; }
candidates=$device
if [ "$mode" != this ]; then
    parts=$(lsblk --noheadings --list --paths --output NAME "$device" | tail -n +2)
    candidates=${parts:-$device}
fi
chosen='' held=''
for one in $candidates; do
    found=$(tag "$one" TYPE)
    if [ "$found" = "$type" ] && { [ "$mode" = any ] || [ "$(tag "$one" LABEL)" = "$label" ]; }; then
        [ "$mode" = this ] && [ "$overwrite" = true ] || { echo "$one has it already"; exit; }
    fi
    all=$(holds "$one")
    if [ -z "$all" ] || { [ -n "$replace" ] && [ "$found" = "$replace" ]; }; then
        chosen=${chosen:-$one}
    else
        held="${held:-$one holds $all}"
    fi
done
if [ -z "$chosen" ]; then
    [ "$overwrite" = true ] || refuse "${held}and is left alone: say overwrite: true"
    chosen=${candidates%%[!-a-zA-Z0-9/_.:+]*}
fi
device=$chosen
export device
wipefs --quiet --all "$device"
sh -c "$make"
settle
"""
)

# path, size in bytes
SWAP = """
set -eu
path=$1 size=$2 new=$1.ovfinit-new
[ ! -e "$path" ] || exit 0
trap 'rm -f "$new"' EXIT
mkdir -p "${path%/*}/"
rm -f "$new"
umask 077
: > "$new"
# blocks that were never written, or that are copied when they are, make no swap: only ext4 does without writing
case $(stat --file-system --format=%T "$new") in
    ext*) fallocate --length "$size" "$new" ;;
    *)
        chattr +C "$new" 2>/dev/null || :
        dd if=/dev/zero of="$new" bs=1M count=$((size / 1048576)) status=none
        ;;
esac
mkswap "$new"
mv "$new" "$path"
"""
