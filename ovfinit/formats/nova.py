"""What OpenStack's metadata documents say, in the model's terms.

Formats: Nova's user guide, "Metadata" (meta_data.json, network_data.json, user_data), and its administrator guide,
"Vendordata".
"""

from __future__ import annotations

from ..errors import SourceInvalid
from ..jsontext import loads
from ..model import Metadata, Problem, Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

META, USER, VENDOR, NETWORK = "meta_data.json", "user_data", "vendor_data.json", "network_data.json"
PLATFORM = "OpenStack"
# fields of meta_data.json that a property is made of, besides all of `meta`
FACTS = ("name", "project_id")


def metadata(
    files: Mapping[str, bytes], where: Callable[[str], str], content: Callable[[str], tuple[bytes | None, str]]
) -> Metadata:
    """The metadata in the files of one version.

    Args:
        files: those that are there, by their names.
        where: what messages and origins call a file.
        content: reads a file that meta_data.json names, `content/0000`: what it holds, None if it is not there, and
            what to call it.

    Raises SourceInvalid with `where:line:column` for documents that cannot be understood, or without a uuid.
    """
    return _Document(files, where, content).metadata()


class _Document:
    """The files of one version, in the model's terms."""

    def __init__(
        self,
        files: Mapping[str, bytes],
        where: Callable[[str], str],
        content: Callable[[str], tuple[bytes | None, str]],
    ) -> None:
        self._files = files
        self._where = where
        self._content = content
        self._origins: dict[str, str] = {}
        self._problems: list[Problem] = []
        self._meta = self._json(META)

    def metadata(self) -> Metadata:
        """All of it."""
        instance_id = self._text("instance_id", "uuid")
        if instance_id is None:
            raise SourceInvalid("has no uuid", where=self._where(META), remedy="something else may answer there")
        return Metadata(
            instance_id=instance_id,
            hostname=self._text("hostname", "hostname") or self._text("hostname", "name"),
            public_keys=tuple(self._keys()),
            user_data=self._user_data(),
            vendor_data=self._vendor_data(),
            network=self._network(),
            availability_zone=self._text("availability_zone", "availability_zone"),
            launch_index=self._launch_index(),
            password=self._password(),
            properties=dict(self._properties()),
            platform=PLATFORM,
            origins=self._origins,
            problems=tuple(self._problems),
        )

    def _json(self, name: str) -> dict[str, Any]:
        body = self._files.get(name)
        if body is None or not body.strip():
            return {}
        try:
            document = loads(body)
        except ValueError as error:
            raise SourceInvalid("is not JSON", where=f"{self._where(name)}{_place(body)}") from error
        if not isinstance(document, dict):
            raise SourceInvalid("must be a JSON object", where=self._where(name))
        return document

    def _origin(self, field: str, key: str) -> str:
        self._origins[field] = f"{self._where(META)}#/{key}"
        return self._origins[field]

    def _problem(self, field: str, message: str, where: str) -> None:
        self._problems.append(Problem(field, message, where))

    def _text(self, field: str, key: str) -> str | None:
        value = self._meta.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            self._origin(field, key)
            return value
        self._problem(field, f"{key} must be a text", f"{self._where(META)}#/{key}")
        return None

    def _launch_index(self) -> int | None:
        value = self._meta.get("launch_index")
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9:
            self._origin("launch_index", "launch_index")
            return value
        return None

    def _keys(self) -> Iterator[str]:
        """`public_keys` maps names to keys; `keys` has those of other kinds (x509) as well."""
        named = self._meta.get("public_keys")
        if isinstance(named, dict) and named:
            where = self._origin("public_keys", "public_keys")
            for name, key in named.items():
                if isinstance(key, str):
                    yield key
                else:
                    self._problem("public_keys", f"{name[:60]!r} must be a text", where)
            return
        for item in self._meta.get("keys") or () if isinstance(self._meta.get("keys"), list) else ():
            if isinstance(item, dict) and item.get("type") == "ssh" and isinstance(item.get("data"), str):
                self._origin("public_keys", "keys")
                yield item["data"]

    def _user_data(self) -> bytes | None:
        body = self._files.get(USER)
        if body:
            self._origins["user_data"] = self._where(USER)
        return body or None

    def _vendor_data(self) -> bytes | None:
        """What the platform says to an agent of this kind stands under the key of the first one."""
        try:
            value = self._json(VENDOR).get("cloud-init")
        except SourceInvalid as error:
            self._problem("vendor_data", error.message, error.where or "")
            return None
        if value is None or value == "":
            return None
        where = self._origins["vendor_data"] = f"{self._where(VENDOR)}#/cloud-init"
        if isinstance(value, str):
            return value.encode("utf-8", "surrogatepass")
        self._problem("vendor_data", "must be a text", where)
        del self._origins["vendor_data"]
        return None

    def _password(self) -> Secret | None:
        own = self._meta.get("meta")
        for key, mapping in (("admin_pass", self._meta), ("meta/admin_pass", own)):
            value = mapping.get("admin_pass") if isinstance(mapping, dict) else None
            if isinstance(value, str) and value:
                self._origin("password", key)
                return Secret(value)
        return None

    def _properties(self) -> Iterator[tuple[str, str | Secret]]:
        own = self._meta.get("meta")
        for key, value in (own if isinstance(own, dict) else {}).items():
            if key != "admin_pass" and isinstance(value, (str, int, float)):
                self._origin(f"properties.{key}", f"meta/{key}")
                yield key, str(value)
        for key in FACTS:
            value = self._meta.get(key)
            if isinstance(value, str) and value:
                self._origin(f"properties.{key}", key)
                yield key, value
        seed = self._meta.get("random_seed")
        if isinstance(seed, str) and seed:
            self._origin("properties.random_seed", "random_seed")
            yield "random_seed", Secret(seed)
        if self._meta.get("files"):
            message = "files to be put into the machine are not taken from here: give them in user data"
            self._problem("properties.files", message, f"{self._where(META)}#/files")

    def _network(self) -> dict[str, Any] | None:
        """`network_data.json`; older platforms inject an /etc/network/interfaces instead."""
        document = self._json(NETWORK)
        if document.get("links"):
            self._origins["network"] = self._where(NETWORK)
            return document
        injected = self._meta.get("network_config")
        path = injected.get("content_path") if isinstance(injected, dict) else None
        name = path.removeprefix("/content/") if isinstance(path, str) else ""
        if not name.isascii() or not name.isalnum() or len(name) > 64:
            return None
        content, where = self._content(f"content/{name}")
        if content is None:
            self._problem("network", "the file that network_config names is not there", where)
            return None
        self._origins["network"] = where
        return {"network-interfaces": content.decode("utf-8", "replace")}


def _place(body: bytes) -> str:
    """`:LINE:COLUMN` of what is no JSON, as far as the costlier package can tell."""
    import json

    try:
        json.loads(body)
    except json.JSONDecodeError as error:
        return f":{error.lineno}:{error.colno}"
    except (ValueError, RecursionError):
        pass
    return ""
