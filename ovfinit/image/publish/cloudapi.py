"""Talking to EC2 and S3, or to Eucalyptus, through boto3, which finds the credentials; they are never shown."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from ...errors import OvfinitError
from ...record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_SECONDS, READ_SECONDS = 10, 60
_DENIED = ("AccessDenied", "UnauthorizedOperation", "AuthFailure", "InvalidAccessKeyId", "SignatureDoesNotMatch")


class Cloud(Record):
    """The two services, as boto3 clients; safe to use from several threads."""

    s3: Any
    ec2: Any


def connect(
    *, region: str | None, profile: str | None, endpoint: str | None, s3_endpoint: str | None, ec2_endpoint: str | None
) -> Cloud:
    """Clients for a cloud. `endpoint` is for both services, the others for one of them.

    Raises OvfinitError if boto3 is missing, or nobody says which region.
    """
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise OvfinitError(
            "clouds are reached through the Python package boto3, which is not here",
            remedy="apt install python3-boto3, or pip install 'ovfinit[image]'",
        ) from None
    own = endpoint is not None or s3_endpoint is not None
    settings = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard"},
        max_pool_connections=16,
        # other clouds have no name of its own for every bucket
        s3={"addressing_style": "path"} if own else {},
    )
    with errors("the cloud"):
        session = boto3.Session(profile_name=profile, region_name=region)
        if session.region_name is None:
            session = boto3.Session(profile_name=profile, region_name="us-east-1")
        return Cloud(
            session.client("s3", endpoint_url=s3_endpoint or endpoint, config=settings),
            session.client("ec2", endpoint_url=ec2_endpoint or endpoint, config=settings),
        )


@contextlib.contextmanager
def errors(where: str) -> Iterator[None]:
    """Turn what the SDK raises into errors for people; a service's answer is quoted, a request never is."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError:
        remedy = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws/credentials, or an instance's role"
        raise OvfinitError("no credentials were found", where=where, remedy=remedy) from None
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        said = error.response.get("Error", {}).get("Message", "")
        hint = "are the credentials those of this cloud, and may they do this?" if code in _DENIED else None
        raise OvfinitError(f"refused: {code}: {said}".rstrip(": "), where=where, remedy=hint) from None
    except BotoCoreError as error:
        kind = type(error).__name__
        endpoint = getattr(error, "kwargs", {}).get("endpoint_url")
        raise OvfinitError(f"cannot be reached ({kind})" if endpoint else str(error), where=endpoint or where) from None


def code_of(error: Exception) -> str:
    """The service's code of an error that it answered with."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))
