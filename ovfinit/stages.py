"""The stages of a boot: before the network, once there is one, after the rest of the boot."""

from __future__ import annotations

LOCAL, NETWORK, FINAL = STAGES = ("local", "network", "final")
