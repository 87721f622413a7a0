"""Keys of cloud-config that are known and not supported, each with what to do instead.

They are reported by name when they are met, so nobody waits for an effect that will not come.
"""

from __future__ import annotations

_INSTALL = "install and set it up by packages, write_files and runcmd"
_AGENT = "a setting of cloud-init itself; ovfinit is configured in /etc/ovfinit/ovfinit.yaml"
_ADMIN = "an admin's setting, not a user's: see ovfinit.yaml(5)"

UNSUPPORTED = {
    "snap": "use runcmd: snap install …",
    "yum_repos": "write the repository by write_files into /etc/yum.repos.d",
    "yum_repo_dir": "write the repository by write_files into /etc/yum.repos.d",
    "zypper": "write the repository by write_files into /etc/zypp/repos.d",
    "apk_repos": "write /etc/apk/repositories by write_files",
    "puppet": _INSTALL,
    "chef": _INSTALL,
    "chef_license": _INSTALL,
    "ansible": _INSTALL,
    "salt_minion": _INSTALL,
    "mcollective": _INSTALL,
    "landscape": _INSTALL,
    "lxd": _INSTALL,
    "wireguard": "write /etc/wireguard/NAME.conf by write_files, enable wg-quick@NAME by runcmd",
    "byobu_by_default": "use runcmd: byobu-enable",
    "byobu": "use runcmd: byobu-enable",
    "ubuntu_pro": "use runcmd: pro attach",
    "ubuntu_advantage": "use runcmd: pro attach",
    "ubuntu_autoinstall": "the installer's own; it reads its own seed",
    "autoinstall": "the installer's own; it reads its own seed",
    "ubuntu_drivers": "use runcmd: ubuntu-drivers install",
    "drivers": "use runcmd: ubuntu-drivers install",
    "rh_subscription": "use runcmd: subscription-manager register …",
    "spacewalk": "use runcmd: rhnreg_ks …",
    "fan": "write /etc/network/fan by write_files",
    "reset_rmc": "use runcmd on POWER machines that need it",
    "rpi": "write /boot/firmware/config.txt by write_files",
    "grub_dpkg": "use debconf_selections, or runcmd: grub-install …",
    "grub-dpkg": "use debconf_selections, or runcmd: grub-install …",
    "disable_ec2_metadata": "use runcmd: ip route add prohibit 169.254.169.254/32",
    "updates": "changed metadata is followed at each boot, or at once with watch in ovfinit.yaml",
    "output": "what scripts print is in /var/log/ovfinit-output.log",
    "reporting": "the status is in /run/ovfinit/status.json; phone_home reports it",
    "network": "network configuration comes with the metadata, not as user data",
    "system_info": _ADMIN,
    "datasource": _ADMIN,
    "datasource_list": _ADMIN,
    "cloud_init_modules": _AGENT,
    "cloud_config_modules": _AGENT,
    "cloud_final_modules": _AGENT,
    "unverified_modules": _AGENT,
    "disable_network_activation": _AGENT,
    "manual_cache_clean": _AGENT,
    "def_log_file": _AGENT,
    "log_cfgs": _AGENT,
    "logcfg": _AGENT,
    "syslog_fix_perms": _AGENT,
    "migrate": _AGENT,
    "warnings": _AGENT,
    "debug": _AGENT,
}
