"""The duties: pure functions from (metadata, configuration, host, past) to changes, one per file.

Each module has `NAME` and `changes(metadata, config, host, past)`, which yields changes, and problems for what it had
to leave out. `ORDER` is the order in which they are planned and applied within a stage.
"""

from __future__ import annotations

ORDER = ("hostname", "network", "ssh_keys", "users", "scripts")
