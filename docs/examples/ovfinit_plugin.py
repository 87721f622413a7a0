"""vmdb2 steps that bake the agent into an image and make an OVF package of it.

Put this file into vmdb2's folder of plugins (/usr/lib/python3/dist-packages/vmdb/plugins/), and in the specification:

    steps:
      - ovfinit-package: shop.ova       # first, because vmdb2 takes down in reverse: it runs when all is unmounted
        spec: shop.yaml                 # optional, see `ovfinit image create`
      - mkimg: "{{ output }}"
        size: 4G
      …
      - ovfinit: rootfs                 # the tag of the root file system, last
        arguments: "--deb ovfinit_0.1.0_all.deb --seed seed/"
"""

import shlex

import vmdb


class OvfinitPlugin(vmdb.Plugin):
    """Makes the steps known to vmdb2."""

    def enable(self):
        """Called by vmdb2 when it begins."""
        self.app.step_runners.add(BakeStepRunner())
        self.app.step_runners.add(PackageStepRunner())


class BakeStepRunner(vmdb.StepRunnerInterface):
    """`ovfinit: TAG`: put the agent into the mounted root file system."""

    def get_key_spec(self):
        """The keys of the step: a type is required, a value is a default."""
        return {"ovfinit": str, "arguments": ""}

    def run(self, values, settings, state):
        """Called in the order of the steps."""
        root = state.tags.get_builder_mount_point(values["ovfinit"])
        vmdb.runcmd(["ovfinit", "image", "bake", root, *shlex.split(values["arguments"])])
        state.ovfinit_baked = True


class PackageStepRunner(vmdb.StepRunnerInterface):
    """`ovfinit-package: FILE`: make an OVF package of the finished image."""

    def get_key_spec(self):
        """The keys of the step."""
        return {"ovfinit-package": str, "spec": "", "arguments": ""}

    def run(self, values, settings, state):
        """Nothing can be packed yet."""

    def teardown(self, values, settings, state):
        """Called last of all, also after a step that failed; a failed build gives no package."""
        if not getattr(state, "ovfinit_baked", False):
            return
        spec = ["--spec", values["spec"]] if values["spec"] else []
        words = ["ovfinit", "image", "create", settings["output"], "--from-format", "raw"]
        vmdb.runcmd([*words, "-o", values["ovfinit-package"], *spec, *shlex.split(values["arguments"])])
