"""Clients of Amazon's services, which never repeat a paid request by themselves, and their errors in words."""

import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from core.errors import WhetstoneError
from core.settings import Settings
from core.text import sanitize
from core.tuning.providers.protocol import ProviderTrouble

Service = Literal["bedrock", "s3", "sts"]

_CONNECT_S = 5
_READ_S = 60
_SHOWN = 300
#: Answers after which certainly nothing was done: the request was understood and refused, or never let in.
_REFUSED = range(400, 500)
_NOT_KNOWN = frozenset({408, 409})
#: What of our own name says that it is there already: perhaps from the request whose answer was lost.
TAKEN = frozenset({"ConflictException", "ResourceInUseException"})
_ABSENT = frozenset({"ResourceNotFoundException", "NoSuchBucket", "404"})
_BUSY = frozenset({"ThrottlingException", "TooManyRequestsException"})
_FORBIDDEN = frozenset(
    {"AccessDeniedException", "AccessDenied", "403", "UnrecognizedClientException", "InvalidSignatureException",
     "ExpiredTokenException", "ExpiredToken", "InvalidClientTokenId", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
)  # fmt: skip


def is_installed() -> bool:
    """Whether boto3 can be imported."""
    return importlib.util.find_spec("boto3") is not None


class AwsRefused(WhetstoneError):
    """AWS did not do what it was asked, certainly."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.code = code

    @property
    def is_absent(self) -> bool:
        return self.code in _ABSENT

    @property
    def is_taken(self) -> bool:
        return self.code in TAKEN

    @property
    def is_busy(self) -> bool:
        return self.code in _BUSY

    @property
    def is_forbidden(self) -> bool:
        return self.code in _FORBIDDEN or self.code == "no_credentials"


class NoAnswer(WhetstoneError):
    """The request was sent and no answer can be relied on."""


class Unreachable(WhetstoneError):
    """The request was never sent."""


@dataclass(frozen=True)
class Amazon:
    """Where Amazon's services are asked."""

    region: str
    base_url: str | None = None

    @classmethod
    def of(cls, settings: Settings, region: str | None = None) -> "Amazon":
        """Return the services that the settings name; `region` instead of theirs, for what was begun in it."""
        return cls(region or settings.aws_region or "", settings.bedrock_base_url)

    def client(self, service: Service) -> Any:
        """Return a client without retries; one for all threads."""
        return _client(self.region, self.base_url, service)

    @contextmanager
    def spoken(self, service: Service) -> Iterator[Any]:
        """Yield a client whose errors are `AwsRefused`, `NoAnswer` or `Unreachable`."""
        from botocore import exceptions  # pyright: ignore[reportMissingImports]

        never_sent = (
            exceptions.EndpointConnectionError,
            exceptions.ConnectTimeoutError,
            exceptions.ProxyConnectionError,
            exceptions.InvalidProxiesConfigError,
        )
        without_access = (
            exceptions.NoCredentialsError,
            exceptions.PartialCredentialsError,
            exceptions.CredentialRetrievalError,
            exceptions.ProfileNotFound,
        )
        try:
            yield self.client(service)
        except exceptions.ClientError as error:
            answered = _of_answer(error)
            if isinstance(answered, AwsRefused) and answered.is_forbidden:
                _client.cache_clear()  # the next client reads the credentials anew
            raise answered from None
        except without_access as error:
            _client.cache_clear()
            raise AwsRefused(f"There are no credentials for AWS ({_said(error)}).", "no_credentials") from None
        except (exceptions.ParamValidationError, exceptions.NoRegionError) as error:
            raise AwsRefused(f"The request to AWS is wrong: {_said(error)}", "ParamValidation") from None
        except never_sent as error:
            raise Unreachable(f"AWS cannot be reached in {self.region}: {_said(error)}.") from None
        except exceptions.BotoCoreError as error:
            raise NoAnswer(f"AWS did not answer in {self.region}: {_said(error)}.") from None

    @contextmanager
    def patient(self, service: Service) -> Iterator[Any]:
        """Like `spoken`, with everything that goes wrong as `ProviderTrouble`, but for what is not there."""
        try:
            with self.spoken(service) as client:
                yield client
        except AwsRefused as refused:
            if refused.is_absent:
                raise
            raise ProviderTrouble(str(refused)) from None
        except (NoAnswer, Unreachable) as error:
            raise ProviderTrouble(str(error)) from None


@lru_cache(maxsize=32)
def _client(region: str, base_url: str | None, service: Service) -> Any:
    """Kept, because making one reads descriptions of megabytes. Sessions are not for many threads; clients are."""
    # Installed only by those who use it.
    from boto3.session import Session  # pyright: ignore[reportMissingImports]
    from botocore.config import Config  # pyright: ignore[reportMissingImports]

    config = Config(
        connect_timeout=_CONNECT_S,
        read_timeout=_READ_S,
        retries={"total_max_attempts": 1},
        # A server of one's own has no names of buckets in its address.
        s3={"addressing_style": "path"} if base_url else {},
    )
    return Session().client(service, region_name=region or None, endpoint_url=base_url, config=config)


def _of_answer(error: Any) -> AwsRefused | NoAnswer:
    code = str(error.response.get("Error", {}).get("Code", ""))
    words = sanitize(str(error.response.get("Error", {}).get("Message", ""))) or code
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in TAKEN or (status in _REFUSED and status not in _NOT_KNOWN):
        return AwsRefused(f"AWS refused ({code}): {_short(words)}", code)
    return NoAnswer(f"AWS answered with status {status} ({code}): {_short(words)}")


def _said(error: Exception) -> str:
    return _short(str(error)).rstrip(".")


def _short(text: str) -> str:
    """On one line, and without what could be part of a key."""
    text = re.sub(r"\b(?:AKIA|ASIA)[A-Z0-9]{8,}", "…", " ".join(text.split()))
    return f"{text[:_SHOWN]}…" if len(text) > _SHOWN else text
