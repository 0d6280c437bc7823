"""The bucket: data under the hash of its bytes, so that the same data is uploaded once and never replaced."""

import csv
import hashlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from core.errors import TuningRefused
from core.tuning.providers.bedrock.access import Amazon, AwsRefused, NoAnswer, Unreachable
from core.tuning.providers.bedrock.families import Family, written
from core.tuning.providers.protocol import MetricPoint, NotSubmitted

_FOLDER = "whetstone"
#: More than one request stores at once.
_MOST_BYTES = 5 * 2**30
_SERIES = {"training_loss": "loss", "validation_loss": "val_loss"}


def upload(amazon: Amazon, bucket: str, family: Family, path: Path) -> str:
    """Store a split in the family's form, without the records that it does not take, which the checks count and name;
    its `s3://` address, or "" where none is left. Raises `NotSubmitted`.
    """
    with tempfile.TemporaryFile() as file:
        digest = _convert(family, path, file)
        size = file.tell()
        if not size:
            return ""
        if size > _MOST_BYTES:
            raise NotSubmitted(
                f"The data has {size / 2**30:,.1f} GB; at most 5 GB are stored at once.",
                code="too_long",
                advice="Create a version with fewer examples.",
            )
        file.seek(0)
        key = f"{_FOLDER}/{digest}.jsonl"
        _put(amazon, bucket, key, file)
    return f"s3://{bucket}/{key}"


def _convert(family: Family, path: Path, out: IO[bytes]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as lines:
        for line in lines:
            try:
                piece = written(family, line)
            except TuningRefused:
                continue
            digest.update(piece)
            out.write(piece)
    return digest.hexdigest()


def _put(amazon: Amazon, bucket: str, key: str, file: IO[bytes]) -> None:
    try:
        with amazon.spoken("s3") as client:
            client.put_object(Bucket=bucket, Key=key, Body=file, IfNoneMatch="*", ContentType="application/jsonl")
    except AwsRefused as refused:
        if refused.code != "PreconditionFailed":  # it is there already, with the same hash
            raise NotSubmitted(
                f"The data could not be stored in the bucket {bucket}. {refused}",
                code="not_reachable",
                advice="Check WHETSTONE_S3_BUCKET, and that the credentials may write to it.",
            ) from None
    except (NoAnswer, Unreachable) as error:
        raise NotSubmitted(str(error), code="not_reachable", passing=True) from None


def series(amazon: Amazon, output_uri: str) -> list[MetricPoint]:
    """Return the losses that Bedrock left beside the result; nothing where it left none. Raises `ProviderTrouble`."""
    bucket, _, prefix = output_uri.removeprefix("s3://").partition("/")
    with amazon.patient("s3") as client:
        listed = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        names = [
            each["Key"] for each in listed if each["Key"].endswith(("training_metrics.csv", "validation_metrics.csv"))
        ]
        return [point for name in names for point in _points(_read(client, bucket, name))]


def _read(client: object, bucket: str, name: str) -> str:
    body = client.get_object(Bucket=bucket, Key=name)["Body"]  # type: ignore[attr-defined]
    return body.read().decode("utf-8", "replace")


def _points(text: str) -> Iterator[MetricPoint]:
    """Lines without a number of a step, or without a loss, are left out."""
    for row in csv.DictReader(io.StringIO(text)):
        for column, name in _SERIES.items():
            try:
                yield MetricPoint(name, int(row["step_number"]), float(row[column]))
            except (KeyError, TypeError, ValueError):
                continue
