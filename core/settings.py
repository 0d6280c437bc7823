"""Settings from the environment (and a `.env` file beside the app), read once."""

import os
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_home() -> Path:
    """Where data lives unless WHETSTONE_HOME says otherwise; a folder of the system's own custom."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # PostgreSQL refuses to run as root and is started as another user, who must reach this folder.
        return Path("/var/lib/whetstone")
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "Whetstone"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Whetstone"
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "whetstone"


class Settings(BaseSettings):
    """What the environment decides. Secrets are `SecretStr`, so that no log or page can print them."""

    model_config = SettingsConfigDict(
        env_file=Path(__file__).parent.parent / ".env",
        env_ignore_empty=True,  # `DATABASE_URL=` in a shell or in .env means none
        extra="ignore",
        frozen=True,
    )

    #: Folder for the embedded database, the inbox of large imports, and logs.
    home: Path = Field(default_factory=default_home, validation_alias="WHETSTONE_HOME")
    #: PostgreSQL 15 or newer to use instead of the embedded one.
    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    #: PostgreSQL whose tables `history import --table` reads, and whether one inside a private network may be asked.
    history_url: SecretStr | None = Field(default=None, validation_alias="WHETSTONE_HISTORY_URL")
    private_databases: bool = Field(default=False, validation_alias="WHETSTONE_PRIVATE_DATABASES")
    #: Folder with PostgreSQL's programs, to use instead of the packaged ones.
    pg_bin: Path | None = Field(default=None, validation_alias="WHETSTONE_PG_BIN")
    #: Name written to the audit log when nobody is logged in.
    actor: str = Field(default="local", validation_alias="WHETSTONE_ACTOR")
    #: `required`: the API asks for a token on this machine, too. It always does on an address that others can reach.
    api_tokens: Literal["optional", "required"] = Field(default="optional", validation_alias="WHETSTONE_API_TOKENS")
    #: Requests of the API that a token, or an address without one, may send a minute to one process; 0: any number.
    requests_per_minute: int = Field(default=12_000, ge=0, validation_alias="WHETSTONE_REQUESTS_PER_MINUTE")
    #: Whoever submitted a request to the orchestrator may not approve its plan.
    four_eyes: bool = Field(default=False, validation_alias="WHETSTONE_FOUR_EYES")
    #: Threads of the app that work on commands; 0: none, other processes do.
    workers: int = Field(default=2, ge=0, le=32, validation_alias="WHETSTONE_WORKERS")
    #: Days for which finished commands are kept.
    keep_days: int = Field(default=7, ge=1, le=3650, validation_alias="WHETSTONE_KEEP_DAYS")
    #: Where the app writes a backup every so many hours, and how many stay there; no folder: it writes none.
    backup_folder: Path | None = Field(default=None, validation_alias="WHETSTONE_BACKUP_FOLDER")
    backup_hours: int = Field(default=24, ge=1, le=720, validation_alias="WHETSTONE_BACKUP_HOURS")
    backup_keep: int = Field(default=14, ge=1, validation_alias="WHETSTONE_BACKUP_KEEP")
    #: Where Ollama is asked for local models. Of two names, the first that is set counts; the second is of the original
    #: system.
    ollama_host: str = Field(
        default="http://127.0.0.1:11434", validation_alias=AliasChoices("OLLAMA_HOST", "OLLAMA_BASE_URL")
    )
    #: Keys of model providers, and addresses to use instead of their own.
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(default=None, validation_alias="OPENAI_BASE_URL")
    anthropic_api_key: SecretStr | None = Field(default=None, validation_alias="ANTHROPIC_API_KEY")
    anthropic_base_url: str | None = Field(default=None, validation_alias="ANTHROPIC_BASE_URL")
    gemini_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("GEMINI_API_KEY", "GOOGLE_API_KEY")
    )
    gemini_base_url: str | None = Field(default=None, validation_alias="GEMINI_BASE_URL")
    #: Python with the trainer's packages, to use instead of the environment that `trainer install` makes.
    trainer_python: Path | None = Field(default=None, validation_alias="WHETSTONE_TRAINER_PYTHON")
    #: Package index from which the trainer's torch is installed, for builds that the default index does not have.
    torch_index: str | None = Field(default=None, validation_alias="WHETSTONE_TORCH_INDEX")
    #: Folder of a BERT model that encodes texts, to use instead of the one that `similarity install` fetches.
    similarity_model: Path | None = Field(default=None, validation_alias="WHETSTONE_SIMILARITY_MODEL")
    #: Head of a Ray cluster that trains instead of this machine, and its token.
    ray_address: str | None = Field(default=None, validation_alias="RAY_ADDRESS")
    ray_token: SecretStr | None = Field(default=None, validation_alias="RAY_AUTH_TOKEN")
    #: Python with the trainer's packages on the machines of the cluster.
    ray_python: str | None = Field(default=None, validation_alias="WHETSTONE_RAY_PYTHON")
    #: Folder on storage that the cluster's machines see under the same path; none: WHETSTONE_HOME is on such.
    ray_folder: Path | None = Field(default=None, validation_alias="WHETSTONE_RAY_FOLDER")
    #: Google Cloud: where Gemini is tuned, and the bucket for its data. Credentials are the machine's own (ADC).
    google_project: str | None = Field(default=None, validation_alias="GOOGLE_CLOUD_PROJECT")
    google_location: str | None = Field(default=None, validation_alias="GOOGLE_CLOUD_LOCATION")
    google_bucket: str | None = Field(default=None, validation_alias="WHETSTONE_GCS_BUCKET")
    #: An address instead of Google Cloud's own, and an emulator of its storage, which is asked without credentials.
    vertex_base_url: str | None = Field(default=None, validation_alias="GOOGLE_VERTEX_BASE_URL")
    gcs_base_url: str | None = Field(default=None, validation_alias="STORAGE_EMULATOR_HOST")
    #: Amazon Bedrock: region, bucket and role. Credentials are the machine's own.
    aws_region: str | None = Field(default=None, validation_alias="AWS_REGION")
    bedrock_bucket: str | None = Field(default=None, validation_alias="WHETSTONE_S3_BUCKET")
    bedrock_role: str | None = Field(default=None, validation_alias="WHETSTONE_BEDROCK_ROLE_ARN")
    bedrock_base_url: str | None = Field(default=None, validation_alias="AWS_ENDPOINT_URL")


def without_login(address: str) -> str:
    """Return an address as it may be shown: `http://user:password@host` may hold a password."""
    return re.sub(r"//[^/@\s]*@", "//…@", address)


def variables(field: FieldInfo) -> tuple[str, ...]:
    """Return the names under which a setting is looked for in the environment, the one that counts first."""
    alias = field.validation_alias
    return tuple(map(str, alias.choices)) if isinstance(alias, AliasChoices) else (str(alias),)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process."""
    return Settings()
