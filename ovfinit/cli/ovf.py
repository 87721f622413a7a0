"""`ovf`: what an OVF package holds, whether it is sound, and the environment that it asks for."""

from __future__ import annotations

DESCRIPTION = {
    "ovf": "Look into an OVF package (a folder, a descriptor, an OVA or a URL of one), check it, and answer its\n"
    "questions, so that a machine made from it gets an environment whatever hypervisor it runs on."
}
VERBS = {
    "env": ("ovf_env", "make an OVF environment, as an ISO image or a document"),
}
