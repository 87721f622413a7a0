"""The table of duties: their order, and which cloud-config key belongs to which. The code of each is handlers/NAME.py.

A duty of `ALWAYS` is planned on every run; another one only when one of its keys or fields is there, so a boot loads
nothing that nobody asked for.
"""

from __future__ import annotations

ALWAYS = ("growth", "hostname", "network", "ssh_keys", "users", "scripts")
# duties that do not wait for user data that is yet to be fetched: those that bring up the network
EARLY = ("hostname", "network", "ssh_keys")
# the order in which duties are planned and applied within a stage
ORDER = (
    *("growth", "disks", "mounts", "hostname", "resolv_conf", "network", "ssh_keys"),
    *("boothooks", "boot_commands", "random_seed"),
    *("files", "users", "passwords", "ca_certs", "rsyslog", "timezone", "locale", "keyboard", "ntp"),
    *("apt", "packages", "ssh_import", "late_files", "run_commands", "scripts"),
    *("phone_home", "final_message", "power"),
)
# field of the metadata → duty that takes it besides those of ALWAYS
FIELDS = {"timezone": "timezone", "locale": "locale"}
# property of the metadata → the same
PROPERTIES = {"random_seed": "random_seed"}
# mark of what a duty did → the duty, which has more to do when nobody asks for it any more
ENDING = {"call/ca_certs/": "ca_certs"}
# cloud-config key → duties that take it as well, besides the one in KEYS that describes it
SHARED = {
    "write_files": ("late_files",),
    "users": ("ssh_import",),
    "user": ("ssh_import",),
}
# cloud-config key → duty
KEYS = {
    "growpart": "growth",
    "resize_rootfs": "growth",
    "disk_setup": "disks",
    "device_aliases": "disks",
    "fs_setup": "disks",
    "mounts": "mounts",
    "mount_default_fields": "mounts",
    "swap": "mounts",
    "hostname": "hostname",
    "fqdn": "hostname",
    "prefer_fqdn_over_hostname": "hostname",
    "preserve_hostname": "hostname",
    "create_hostname_file": "hostname",
    "manage_etc_hosts": "hostname",
    "resolv_conf": "resolv_conf",
    "manage_resolv_conf": "resolv_conf",
    "ssh_keys": "ssh_keys",
    "ssh_deletekeys": "ssh_keys",
    "ssh_genkeytypes": "ssh_keys",
    "ssh_quiet_keygen": "ssh_keys",
    "ssh_publish_hostkeys": "ssh_keys",
    "ssh_pwauth": "ssh_keys",
    "ssh": "ssh_keys",
    "no_ssh_fingerprints": "ssh_keys",
    "authkey_hash": "ssh_keys",
    "ssh_fp_console_blacklist": "ssh_keys",
    "ssh_key_console_blacklist": "ssh_keys",
    "bootcmd": "boot_commands",
    "random_seed": "random_seed",
    "write_files": "files",
    "users": "users",
    "user": "users",
    "groups": "users",
    "ssh_authorized_keys": "users",
    "allow_public_ssh_keys": "users",
    "disable_root": "users",
    "disable_root_opts": "users",
    "password": "passwords",
    "chpasswd": "passwords",
    "ssh_import_id": "ssh_import",
    "ca_certs": "ca_certs",
    "rsyslog": "rsyslog",
    "rsyslog_dir": "rsyslog",
    "rsyslog_filename": "rsyslog",
    "timezone": "timezone",
    "locale": "locale",
    "locale_configfile": "locale",
    "keyboard": "keyboard",
    "ntp": "ntp",
    "apt": "apt",
    "apt_pipelining": "apt",
    "apt_proxy": "apt",
    "apt_http_proxy": "apt",
    "apt_https_proxy": "apt",
    "apt_ftp_proxy": "apt",
    "apt_mirror": "apt",
    "apt_mirror_search": "apt",
    "apt_mirror_search_dns": "apt",
    "apt_preserve_sources_list": "apt",
    "apt_custom_sources_list": "apt",
    "apt_conf": "apt",
    "apt_sources": "apt",
    "add_apt_repo_match": "apt",
    "debconf_selections": "apt",
    "packages": "packages",
    "package_update": "packages",
    "package_upgrade": "packages",
    "apt_update": "packages",
    "apt_upgrade": "packages",
    "package_reboot_if_required": "power",
    "apt_reboot_if_required": "power",
    "runcmd": "run_commands",
    "phone_home": "phone_home",
    "final_message": "final_message",
    "power_state": "power",
    "vendor_data": "scripts",
}
