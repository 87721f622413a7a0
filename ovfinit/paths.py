"""Where our own things lie in a tree."""

FOLDER = "/var/lib/ovfinit"
INSTANCES = f"{FOLDER}/instances"
# what undo is about to forget; no instance id leads to a name that starts with a dot
UNDONE = f"{INSTANCES}/.undone"
LINK = f"{FOLDER}/instance"
RUN = "/run/ovfinit"
LOG = "/var/log/ovfinit.log"
OUTPUT = "/var/log/ovfinit-output.log"
SETTINGS = "/etc/ovfinit/ovfinit.yaml"
DROPINS = "/etc/ovfinit/ovfinit.yaml.d"
DISABLED = "/etc/ovfinit/disabled"
PLUGINS = "/etc/ovfinit/datasources"
