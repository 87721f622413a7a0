"""Images into a cloud: bundles to S3 and registered, OVAs and disks to S3 and imported, bundles fetched again."""

from __future__ import annotations

import os
from time import monotonic, sleep
from typing import TYPE_CHECKING

from ...errors import InputError, OvfinitError, UsageError
from ...record import Record
from ..bundle import packing
from ..bundle.manifest import LIMIT
from ..result import Result
from . import upload
from .cloudapi import Cloud, UnreachableError, errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..bundle.manifest import Manifest, Part

FORMATS = {".ova": "ova", ".vmdk": "vmdk", ".vhd": "vhd", ".vhdx": "vhdx", ".raw": "raw", ".img": "raw"}
POLL_SECONDS = 15
# times that nobody answers
MOST_SILENT = 20
# RegisterImage takes these and no other characters
_NAME_CHARACTERS = "()[] ./-'@_"


class Place(Record):
    """Where to: bucket, prefix of keys, ACL, whether the bucket may be made, how many transfers at a time."""

    bucket: str
    prefix: str = ""
    acl: str = "aws-exec-read"
    create: bool = False
    jobs: int = upload.JOBS


class Told(Record):
    """Whom the work tells: `expect` what is begun and its bytes, `advance` bytes done."""

    expect: Callable[[str, int], None]
    advance: Callable[[int], None]


def place(text: str) -> tuple[str, str]:
    """Bucket and prefix of `BUCKET/PREFIX` or `s3://BUCKET/PREFIX`. Raises UsageError."""
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if len(bucket) < 3:
        raise UsageError(f"{text!r} is not BUCKET or BUCKET/PREFIX")
    return bucket, prefix.strip("/")


def manifests(path: str) -> list[tuple[str, Manifest]]:
    """The bundles at a path, a folder or one manifest, kernels and ramdisks before machines. Raises InputError."""
    if os.path.isdir(path):
        paths = [os.path.join(path, name) for name in sorted(os.listdir(path)) if name.endswith(packing.MANIFEST)]
    else:
        paths = [path]
    found = [(each, packing.read_manifest(each)) for each in paths]
    if not found:
        raise InputError("holds no bundle", where=path)
    return sorted(found, key=lambda row: row[1].kind == "machine")


def send(cloud: Cloud, path: str, manifest: Manifest, where: Place, told: Told) -> str:
    """Upload a bundle, its manifest last; the location to register. What is there already is not sent again."""
    folder = os.path.dirname(os.path.abspath(path))
    upload.have_bucket(cloud.s3, where.bucket, create=where.create)
    names = upload.keys(where.prefix, [part.filename for part in manifest.parts])
    told.expect(f"uploading {manifest.name}", manifest.bundled_size)

    def sender(name: str, digest: str) -> Callable[[], None]:
        def work() -> None:
            source = os.path.join(folder, name)
            if not os.path.isfile(source) or os.path.islink(source):
                raise InputError("is missing, and the manifest names it", where=source)
            upload.put(cloud.s3, source, where.bucket, names[name], where.acl, sha1=digest, advance=told.advance)

        return work

    upload.in_parallel([sender(part.filename, part.digest) for part in manifest.parts], where.jobs)
    name = os.path.basename(path)
    key = upload.keys(where.prefix, [name])[name]
    upload.put(cloud.s3, path, where.bucket, key, where.acl, sha1=None, advance=lambda _: None)
    return f"{where.bucket}/{key}"


def register(
    cloud: Cloud,
    location: str,
    manifest: Manifest,
    *,
    name: str,
    description: str | None,
    kernel: str | None,
    ramdisk: str | None,
) -> str:
    """Make an image of an uploaded bundle; its id. Raises OvfinitError."""
    given = {
        "ImageLocation": location,
        "Name": image_name(name),
        "Architecture": manifest.architecture,
        "Description": description,
        "KernelId": kernel,
        "RamdiskId": ramdisk,
    }
    with errors(location):
        answer = cloud.ec2.register_image(**{key: value for key, value in given.items() if value})
    return str(answer["ImageId"])


def image_name(text: str) -> str:
    """A name that RegisterImage takes: 3 to 128 characters of its alphabet."""
    kept = "".join(one if one.isascii() and (one.isalnum() or one in _NAME_CHARACTERS) else "-" for one in text)
    return kept[:128].ljust(3, "-")


def bring(cloud: Cloud, path: str, where: Place, told: Told, *, description: str | None, role: str | None) -> str:
    """Upload an OVA or a disk and begin its import; the id of the task. Raises OvfinitError."""
    kind = next((kind for ending, kind in FORMATS.items() if path.lower().endswith(ending)), None)
    if kind is None:
        raise UsageError(
            f"{path} is nothing that import-image takes", remedy=f"convert it to one of {', '.join(FORMATS)} first"
        )
    name = os.path.basename(path)
    key = upload.keys(where.prefix, [name])[name]
    upload.have_bucket(cloud.s3, where.bucket, create=where.create)
    told.expect(f"uploading {name}", os.path.getsize(path))
    upload.put_large(cloud.s3, path, where.bucket, key, jobs=where.jobs, advance=told.advance)
    given = {
        "Description": description or name,
        "DiskContainers": [{"Format": kind, "UserBucket": {"S3Bucket": where.bucket, "S3Key": key}}],
        "RoleName": role,
    }
    with errors(f"s3://{where.bucket}/{key}"):
        answer = cloud.ec2.import_image(**{name: value for name, value in given.items() if value})
    return str(answer["ImportTaskId"])


def await_import(cloud: Cloud, task: str, told: Told, seconds: float) -> str:
    """Wait until an import is done, at most so long; the image's id. Raises OvfinitError with the service's reason."""
    end = monotonic() + seconds
    silent = 0
    while True:
        try:
            with errors(task):
                rows = cloud.ec2.describe_import_image_tasks(ImportTaskIds=[task])["ImportImageTasks"]
            silent = 0
        except UnreachableError as error:
            # an import takes hours, and a network may be away for a while
            silent += 1
            if silent > MOST_SILENT or monotonic() >= end:
                raise OvfinitError(f"{error}; the import goes on by itself", where=task) from None
            sleep(min(POLL_SECONDS, max(0.0, end - monotonic())))
            continue
        state = rows[0] if rows else {}
        if state.get("Status") == "completed":
            return str(state["ImageId"])
        if state.get("Status") in ("deleted", "deleting"):
            raise OvfinitError(f"was given up: {state.get('StatusMessage', 'no reason was told')}", where=task)
        if monotonic() >= end:
            raise OvfinitError("is not done in time; it goes on by itself", where=task)
        told.expect(f"importing: {state.get('Progress', '?')} %, {state.get('StatusMessage', '')}", 0)
        sleep(min(POLL_SECONDS, max(0.0, end - monotonic())))


def fetch(cloud: Cloud, text: str, folder: str, told: Told, *, jobs: int, replace: bool) -> list[str]:
    """Fetch the bundle whose manifest is BUCKET/KEY into a folder; its files. Raises InputError for a damaged one.

    Parts that an earlier run had brought, and whose digests fit, are not fetched again.
    """
    bucket, key = place(text)
    if not key.endswith(packing.MANIFEST):
        raise UsageError(f"{text!r} is no manifest", remedy=f"name BUCKET/PREFIX{packing.MANIFEST}")
    base, name = os.path.split(key)
    with Result(folder, replace=replace, folder=True, mark=packing.MANIFEST, resume=True) as result:
        target = os.path.join(result.candidate, name)
        if os.path.lexists(target):
            os.unlink(target)
        upload.get(cloud.s3, bucket, key, target, limit=LIMIT, sha1=None, advance=lambda _: None)
        manifest = packing.read_manifest(target)
        told.expect(f"downloading {manifest.name}", manifest.bundled_size)
        names = [name, *(part.filename for part in manifest.parts)]
        for old in set(os.listdir(result.candidate)) - set(names):
            os.unlink(os.path.join(result.candidate, old))

        def getter(part: Part) -> Callable[[], None]:
            def work() -> None:
                source = upload.keys(base, [part.filename])[part.filename]
                file = os.path.join(result.candidate, part.filename)
                if upload.is_whole(file, part.digest):
                    told.advance(os.path.getsize(file))
                    return
                if os.path.lexists(file):
                    os.unlink(file)
                upload.get(
                    cloud.s3, bucket, source, file, limit=manifest.bundled_size, sha1=part.digest, advance=told.advance
                )

            return work

        upload.in_parallel([getter(part) for part in manifest.parts], jobs)
    return [os.path.join(folder, each) for each in names]
