"""Files to S3 and from it, in parallel; what is there already is not sent again, so that one can begin anew."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from ...errors import InputError, OvfinitError
from ..disk.blocks import PIECE
from .cloudapi import code_of, errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

JOBS = 4
# S3: parts of 5 MiB to 5 GiB, 10,000 of them at most
PART = 16 * 1024 * 1024
MOST_PARTS = 10_000
_ABSENT = ("404", "NoSuchKey", "NotFound")


def in_parallel(work: Sequence[Callable[[], None]], jobs: int) -> None:
    """Do all of these by so many threads; the first error ends what has not begun and is raised."""
    pool = ThreadPoolExecutor(jobs)
    try:
        futures = [pool.submit(each) for each in work]
        wait(futures, return_when=FIRST_EXCEPTION)
        for future in futures:
            if future.done() and not future.cancelled():
                future.result()
        for future in futures:
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def put(
    s3: Any, path: str, bucket: str, key: str, acl: str, *, sha1: str | None, advance: Callable[[int], None]
) -> bool:
    """Send a small file, unless the very same is there; True if it was sent.

    Raises InputError if it does not have the SHA-1 that its manifest says, OvfinitError for what the service refuses.
    """
    with open(path, "rb") as file:
        data = file.read()
    if sha1 is not None and hashlib.sha1(data, usedforsecurity=False).hexdigest() != sha1:
        raise InputError("is damaged: it does not have the digest that the manifest says", where=path)
    digest = hashlib.md5(data, usedforsecurity=False)
    with errors(f"s3://{bucket}/{key}"):
        try:
            there = s3.head_object(Bucket=bucket, Key=key)
            same = there["ContentLength"] == len(data) and there.get("ETag", "").strip('"') == digest.hexdigest()
        except Exception as error:
            if code_of(error) not in _ABSENT:
                raise
            same = False
        if same:
            # the content is there; who may read it is said again, for a run that was ended in between
            s3.put_object_acl(Bucket=bucket, Key=key, ACL=acl)
        else:
            s3.put_object(Bucket=bucket, Key=key, Body=data, ACL=acl)
    advance(len(data))
    return not same


def put_large(s3: Any, path: str, bucket: str, key: str, *, jobs: int, advance: Callable[[int], None]) -> None:
    """Send a file of any size in parts, unless it is there; an upload of it that was begun before is gone on with.

    Raises OvfinitError; what was sent stays there for the next run.
    """
    size = os.path.getsize(path)
    part = max(PART, -(-size // MOST_PARTS))
    count = max(1, -(-size // part))
    place = f"s3://{bucket}/{key}"
    with errors(place):
        if _is_there(s3, bucket, key, path, part):
            advance(size)
            return
        upload, known = _begun(s3, bucket, key)
        if upload is None:
            upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        tags: dict[int, str] = {}

        def send(number: int) -> None:
            with open(path, "rb") as file:
                file.seek((number - 1) * part)
                data = file.read(part)
            tag = hashlib.md5(data, usedforsecurity=False).hexdigest()
            if known.get(number) != (tag, len(data)):
                answer = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=data)
                tag = answer["ETag"].strip('"')
            tags[number] = tag
            advance(len(data))

        in_parallel([lambda number=number: send(number) for number in range(1, count + 1)], jobs)  # type: ignore[misc]
        parts = [{"PartNumber": number, "ETag": f'"{tags[number]}"'} for number in sorted(tags)]
        s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def _is_there(s3: Any, bucket: str, key: str, path: str, part: int) -> bool:
    """True if an object was made of the very parts that we would send: its tag is the digest of their digests."""
    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except Exception as error:
        if code_of(error) in _ABSENT:
            return False
        raise
    count = max(1, -(-os.path.getsize(path) // part))
    tag = head.get("ETag", "").strip('"')
    if head["ContentLength"] != os.path.getsize(path) or not tag.endswith(f"-{count}"):
        return False
    total = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while data := file.read(part):
            total.update(hashlib.md5(data, usedforsecurity=False).digest())
    return bool(tag == f"{total.hexdigest()}-{count}")


def _begun(s3: Any, bucket: str, key: str) -> tuple[str | None, dict[int, tuple[str, int]]]:
    """An upload of this key that has not ended, and its parts as number → (MD5, size)."""
    listed = s3.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads") or []
    own = [one["UploadId"] for one in listed if one["Key"] == key]
    if not own:
        return None, {}
    found: dict[int, tuple[str, int]] = {}
    marker = 0
    while True:
        answer = s3.list_parts(Bucket=bucket, Key=key, UploadId=own[-1], PartNumberMarker=marker)
        for one in answer.get("Parts") or []:
            found[one["PartNumber"]] = (one["ETag"].strip('"'), one["Size"])
        if not answer.get("IsTruncated"):
            return own[-1], found
        marker = answer["NextPartNumberMarker"]


def get(
    s3: Any, bucket: str, key: str, path: str, *, limit: int, sha1: str | None, advance: Callable[[int], None]
) -> None:
    """Fetch an object of at most `limit` bytes into a new file. Raises InputError if its SHA-1 is another."""
    place = f"s3://{bucket}/{key}"
    digest = hashlib.sha1(usedforsecurity=False)
    with errors(place):
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        total = 0
        with open(path, "xb", buffering=0) as file:
            while piece := body.read(PIECE):
                total += len(piece)
                if total > limit:
                    raise InputError(f"is larger than {limit} bytes", where=place)
                file.write(piece)
                digest.update(piece)
                advance(len(piece))
    if sha1 is not None and digest.hexdigest() != sha1:
        raise InputError("is damaged: it does not have the digest that the manifest says", where=place)


def is_whole(path: str, sha1: str) -> bool:
    """True for a file, no link, that has this SHA-1."""
    if not os.path.isfile(path) or os.path.islink(path):
        return False
    digest = hashlib.sha1(usedforsecurity=False)
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest() == sha1


def have_bucket(s3: Any, bucket: str, *, create: bool) -> None:
    """Raise OvfinitError if the bucket is not there, unless it is to be made."""
    with errors(f"s3://{bucket}"):
        try:
            s3.head_bucket(Bucket=bucket)
            return
        except Exception as error:
            if code_of(error) not in (*_ABSENT, "NoSuchBucket"):
                raise
    if not create:
        raise OvfinitError("there is no such bucket", where=f"s3://{bucket}", remedy="--create-bucket makes it")
    with errors(f"s3://{bucket}"):
        region = s3.meta.region_name
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **place)


def keys(prefix: str, names: Iterable[str]) -> dict[str, str]:
    """File name → key below a prefix."""
    base = prefix.strip("/")
    return {name: f"{base}/{name}" if base else name for name in names}
