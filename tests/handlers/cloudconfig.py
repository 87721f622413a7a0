"""Cloud-config in tests of duties: typed by the duty's own vocabulary, as the boot does it."""

from __future__ import annotations

from typing import Any

from ovfinit.formats import yamltext
from ovfinit.userdata import UserData
from ovfinit.userdata.reading import UNFIT, Reading


def typed(module: Any, text: str) -> tuple[UserData, list[str]]:
    """What a duty is handed for a cloud-config, and what is found to be off in it."""
    document = yamltext.load(text, "user-data")
    reading = Reading(document)
    config = {}
    for key, value in document.value.items():
        found = module.KEYS[key].read(value, (key,), reading)
        if found is not UNFIT:
            config[key] = found
    return UserData(config=config), [finding.text for finding in reading.findings]


def handed(module: Any, text: str) -> UserData:
    """The same for a text in which nothing may be off."""
    data, findings = typed(module, text)
    assert findings == []
    return data
