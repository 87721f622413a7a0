"""`image publish`, `image download`: bundles and packages into a cloud, and bundles out of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .image import attended
from .output import Output

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..image.publish.cloudapi import Cloud
    from ..image.publish.publishing import Told

DESCRIPTION = {
    "image publish": "Upload a bundle and register it with EC2 or Eucalyptus, or upload an OVA or disk and import it.\n"
    "What is there already is not sent again. Credentials are those of the AWS SDK: AWS_ACCESS_KEY_ID and\n"
    "AWS_SECRET_ACCESS_KEY, ~/.aws, or an instance's role.",
    "image download": "Fetch a bundle, given by its manifest in S3, with all digests checked.",
}
_DAY = 24 * 3600.0


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    if name == "image download":
        parser.add_argument("manifest", metavar="BUCKET/MANIFEST", help="where PREFIX.manifest.xml lies")
        parser.add_argument("folder", metavar="FOLDER", help="what to write")
        parser.add_argument("--force", action="store_true", help="replace the bundle in FOLDER")
    else:
        parser.add_argument("source", metavar="SRC", help="a bundle's folder or manifest; or an OVA or disk")
        parser.add_argument("--bucket", required=True, metavar="BUCKET[/PREFIX]", help="where to in S3")
        parser.add_argument("--create-bucket", action="store_true", help="make the bucket if it is not there")
        parser.add_argument("--acl", default="aws-exec-read", help="of a bundle's files (aws-exec-read)")
        parser.add_argument("--name", metavar="TEXT", help="of the image (that of the bundle)")
        parser.add_argument("--description", metavar="TEXT", help="of the image")
        parser.add_argument("--kernel", metavar="ID", help="register the image with this kernel")
        parser.add_argument("--ramdisk", metavar="ID", help="and with this ramdisk")
        parser.add_argument("--no-register", action="store_true", help="only upload")
        parser.add_argument("--role", metavar="NAME", help="what EC2 imports as (vmimport)")
        parser.add_argument("--wait", action="store_true", help="wait until the import is done")
    cloud = parser.add_argument_group("the cloud")
    cloud.add_argument("--endpoint-url", metavar="URL", help="of another cloud than AWS, for both services")
    cloud.add_argument("--s3-endpoint-url", metavar="URL", help="of its object storage")
    cloud.add_argument("--ec2-endpoint-url", metavar="URL", help="of its compute service")
    cloud.add_argument("--region", metavar="NAME", help="as in AWS_DEFAULT_REGION")
    cloud.add_argument("--profile", metavar="NAME", help="of ~/.aws")
    cloud.add_argument("--jobs", type=int, default=4, metavar="N", help="transfers at a time (4)")


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    from ..image.publish import cloudapi, publishing

    output = Output(options)
    cloud = cloudapi.connect(
        region=options.region,
        profile=options.profile,
        endpoint=options.endpoint_url,
        s3_endpoint=options.s3_endpoint_url,
        ec2_endpoint=options.ec2_endpoint_url,
    )
    jobs = max(1, min(32, options.jobs))
    beside = options.folder if name == "image download" else options.source
    with attended(output, beside) as meter:
        told = publishing.Told(meter.expect, meter.advance)
        if name == "image download":
            files = publishing.fetch(cloud, options.manifest, options.folder, told, jobs=jobs, replace=options.force)
            document: dict[str, object] = {"version": 1, "files": files}
            lines = files
        else:
            document, lines = _publish(options, output, cloud, told, jobs)
    if output.json:
        output.document({**document, "warnings": output.warnings})
    output.say("\n".join(lines))
    return output.code()


def _publish(
    options: Namespace, output: Output, cloud: Cloud, told: Told, jobs: int
) -> tuple[dict[str, object], list[str]]:
    from ..image.publish import publishing

    bucket, prefix = publishing.place(options.bucket)
    where = publishing.Place(bucket, prefix, options.acl, options.create_bucket, jobs)
    if not os.path.isdir(options.source) and not options.source.endswith(".xml"):
        task = publishing.bring(cloud, options.source, where, told, description=options.description, role=options.role)
        if options.wait:
            # whoever gives up waiting must know what goes on without them
            output.note(f"{task}: the import has begun, and goes on by itself")
        image = publishing.await_import(cloud, task, told, _DAY) if options.wait else None
        return {"version": 1, "task": task, "image": image}, [image or f"{task}: the import has begun"]
    ids: dict[str, str | None] = {"kernel": options.kernel, "ramdisk": options.ramdisk}
    images, lines = [], []
    for path, manifest in publishing.manifests(options.source):
        location = publishing.send(cloud, path, manifest, where, told)
        image = None
        if not options.no_register:
            machine = manifest.kind == "machine"
            image = publishing.register(
                cloud,
                location,
                manifest,
                name=options.name if machine and options.name else manifest.name,
                description=options.description,
                kernel=ids["kernel"] if machine else None,
                ramdisk=ids["ramdisk"] if machine else None,
            )
            if not machine and ids[manifest.kind] is None:
                ids[manifest.kind] = image
        images.append({"location": location, "type": manifest.kind, "image": image})
        lines.append(f"{image}  {location}" if image else location)
    return {"version": 1, "images": images}, lines
