"""The documentation says what is so: keys, codes, names and places that it lists are those of the program."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ovfinit import errors
from ovfinit.cli import COMMANDS
from ovfinit.cli.metadata import NoSuchKey
from ovfinit.document import public
from ovfinit.errors import ScriptFailed
from ovfinit.model import Metadata
from ovfinit.normalize.properties import TABLE

CHECKOUT = Path(__file__).parents[1]
DOCUMENTS = [CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md")] + sorted((CHECKOUT / "docs").glob("*.md"))
REFERENCE = (CHECKOUT / "docs/metadata.md").read_text()


def first_cells(section: str) -> list[str]:
    """What stands in backquotes in the first column of the first table below a heading of docs/metadata.md."""
    body = re.split(r"^#+ ", REFERENCE.partition(f" {section}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^\| `([^`]+)`", body, re.MULTILINE)


def test_every_key_of_the_model_is_documented() -> None:
    """The table of the model has the keys of `show --json`, all of them and no other."""
    assert set(first_cells("The model")) == set(public(Metadata()))


def test_every_error_code_is_documented() -> None:
    """The table of errors has the code of every class that a user can meet."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    met = {kind.code for kind in [*kinds, ScriptFailed, NoSuchKey] if kind is not errors.SourceError}

    assert set(first_cells("Errors")) == met


def test_every_property_name_is_documented() -> None:
    """The table of property names is the program's, in its order."""
    body = REFERENCE.partition("## Which OVF property means what")[2]
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", body, re.MULTILINE)[: len(TABLE)]

    assert {field: tuple(re.findall(r"`([^`]+)`", names)) for field, names in rows} == TABLE


def test_the_readme_names_every_command() -> None:
    """The commands at a glance are those of `ovfinit --help`."""
    text = (CHECKOUT / "README.md").read_text()

    assert [name for name in COMMANDS if f"`ovfinit {name}" not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link of a document names a file of the checkout."""
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text())
    local = [link for link in links if "://" not in link]

    assert [link for link in local if not (document.parent / link).exists()] == []


def test_the_layout_names_what_is_there() -> None:
    """Every module of the agent has its line in CONTRIBUTING.md, by name or by folder."""
    text = (CHECKOUT / "CONTRIBUTING.md").read_text()
    modules = [path.name for path in (CHECKOUT / "ovfinit").glob("*.py") if not path.name.startswith("__")]

    assert [name for name in modules if f"`{name}`" not in text and f"ovfinit/{name}`" not in text] == []


def test_the_smallest_plugin_of_the_guide_works(tmp_path: Path) -> None:
    """The plugin printed in docs/datasource.md passes the contract as it stands there."""
    text = (CHECKOUT / "docs/datasource.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    plugin = tmp_path / "rack.py"
    plugin.write_text("\n".join(line.removeprefix("   ") for line in code.splitlines()) + "\n")
    plugin.chmod(0o644)
    tmp_path.chmod(0o755)
    words = ["datasource", "check", str(plugin), "--root", str(tmp_path), "--json"]

    done = subprocess.run([sys.executable, "-m", "ovfinit", *words], cwd=CHECKOUT, capture_output=True, check=False)

    assert json.loads(done.stdout)["ok"] is True


def test_the_key_reference_is_current() -> None:
    """docs/cloud-config.md is what its script makes of the tables that validate, and has every key."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("reference", CHECKOUT / "docs/reference.py")
    assert spec is not None
    assert spec.loader is not None
    reference = module_from_spec(spec)
    spec.loader.exec_module(reference)
    page = (CHECKOUT / "docs/cloud-config.md").read_text()
    assert page == reference.page(), "run python3 docs/reference.py"
    assert [key for key in reference.KEYS if f"`{key}`" not in page] == []
