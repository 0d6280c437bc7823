"""The tables as SQLAlchemy sees them; tests/db/test_tables.py checks them against the migrated schema.

None of them names a schema: the connection's search_path decides which workspace is meant.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

metadata = MetaData()
#: None is SQL's NULL. Without this SQLAlchemy writes the JSON value null, which is something else to every query.
JSON = JSONB(none_as_null=True)
moment = DateTime(timezone=True)


def _identity() -> Column[int]:
    return Column("id", BigInteger, primary_key=True, autoincrement=True)


examples = Table(
    "orchestrator_training_data",
    metadata,
    _identity(),
    Column("execution_id", Text, nullable=False, unique=True),
    Column("user_request", Text, nullable=False),
    Column("intent", Text, nullable=False),
    Column("business_state", JSON, nullable=False),
    Column("execution_plan", Text),
    Column("execution_result", Text),
    Column("quality_score", Double),
    Column("success", Boolean),
    Column("tags", ARRAY(Text), nullable=False),
    Column("created_at", moment, nullable=False),
    Column("updated_at", moment, nullable=False),
    Column("source_agent", Text, nullable=False),
    Column("source_model", Text, nullable=False),
    Column("execution_time_ms", BigInteger),
    Column("context", JSON),
    Column("revision", Integer, nullable=False),
    Column("import_id", BigInteger),
    Column("withdrawn_at", moment),
    Column("source_digest", Uuid),
    Column("source_score", Double),
    Column("judgement", Text),
    Column("source_record", JSON),
    Column("is_literal", Boolean, nullable=False),
    Column("has_plan", Boolean, Computed("teaches(execution_plan, is_literal)"), nullable=False),
    Column("has_result", Boolean, Computed("teaches(execution_result, is_literal) OR …"), nullable=False),
    Column("is_trainable", Boolean, Computed("btrim(user_request, …) <> '' AND …"), nullable=False),
    Column("request_key", Uuid, Computed("request_group(user_request)"), nullable=False),
    Column("month", Date, Computed("date_trunc('month', created_at AT TIME ZONE 'UTC')::date"), nullable=False),
    Column("quality_bin", SmallInteger, Computed("least(width_bucket(quality_score, 0, 1, 20), 20)")),
)

#: What a model would learn from, or see. Whoever changes any of these sets revision = revision + 1 with it; the
#: database keeps what was there, and counts by itself for another program that does not.
CONTENT = ("user_request", "intent", "business_state", "context", "execution_plan", "execution_result")

#: Those, and what else an import may change in an example that is there: what `source_record` keeps of its source.
SOURCED = (*CONTENT, "quality_score", "success", "created_at", "source_agent", "source_model", "execution_time_ms")

revisions = Table(
    "example_revisions",
    metadata,
    Column("example_id", BigInteger, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("user_request", Text, nullable=False),
    Column("intent", Text, nullable=False),
    Column("business_state", JSON, nullable=False),
    Column("context", JSON),
    Column("execution_plan", Text),
    Column("execution_result", Text),
    Column("replaced_at", moment, nullable=False),
    Column("replaced_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

example_words = Table(
    "example_words",
    metadata,
    Column("example_id", BigInteger, primary_key=True),
    Column("words", TSVECTOR, nullable=False),
)

audit_log = Table(
    "audit_log",
    metadata,
    _identity(),
    Column("at", moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    Column("reason", Text, nullable=False),
    Column("row_count", BigInteger),
)

tag_changes = Table(
    "tag_changes",
    metadata,
    _identity(),
    Column("at", moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("tags", ARRAY(Text), nullable=False),
    Column("filter", JSON),
    Column("reason", Text, nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("undone_at", moment),
    Column("undone_by", Text),
)

tag_change_rows = Table(
    "tag_change_rows",
    metadata,
    Column("change_id", BigInteger, nullable=False),
    Column("tags", ARRAY(Text), nullable=False),
    Column("ids", ARRAY(BigInteger), nullable=False),
)

imports = Table(
    "imports",
    metadata,
    _identity(),
    Column("at", moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("file_sha256", LargeBinary, nullable=False),
    Column("format", Text, nullable=False),
    Column("options", JSON, nullable=False),
    Column("new_count", BigInteger, nullable=False),
    Column("changed_count", BigInteger, nullable=False),
    Column("same_count", BigInteger, nullable=False),
    Column("undone_at", moment),
    Column("undone_by", Text),
)

import_changes = Table(
    "import_changes",
    metadata,
    Column("import_id", BigInteger, primary_key=True),
    Column("example_id", BigInteger, primary_key=True),
    Column("revision_before", Integer, nullable=False),
    Column("revision_after", Integer, nullable=False),
    Column("before", JSON, nullable=False),
    Column("after", JSON, nullable=False),
)

pairs = Table(
    "dataset_pairs",
    metadata,
    Column("dataset_id", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("split", SmallInteger, nullable=False),
    Column("preferred", Integer, nullable=False),
    Column("other", Integer, nullable=False),
)

saved_filters = Table(
    "saved_filters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("filter", JSON, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", moment, nullable=False),
)

example_changes = Table("example_changes", metadata, _identity(), Column("at", moment, nullable=False))

cube = Table(
    "example_cube",
    metadata,
    Column("intent", Text, nullable=False),
    Column("source_agent", Text, nullable=False),
    Column("source_model", Text, nullable=False),
    Column("success", Boolean),
    Column("month", Date, nullable=False),
    Column("cell", SmallInteger),
    Column("tags", ARRAY(Text), nullable=False),
    Column("is_trainable", Boolean, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("scored", BigInteger, nullable=False),
    Column("quality", Double),
    Column("first", moment, nullable=False),
    Column("last", moment, nullable=False),
)

cube_version = Table(
    "example_cube_version",
    metadata,
    Column("only_one", Boolean, primary_key=True),
    Column("version", Text, nullable=False),
    Column("built_at", moment, nullable=False),
    Column("took", Interval, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("intents", ARRAY(Text), nullable=False),
    Column("tags", ARRAY(Text), nullable=False),
    Column("source_agents", ARRAY(Text), nullable=False),
    Column("source_models", ARRAY(Text), nullable=False),
)

datasets = Table(
    "training_datasets",
    metadata,
    _identity(),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("version", Integer, nullable=False),
    Column("filters", JSON),
    Column("example_count", BigInteger, nullable=False),
    Column("avg_quality", Double),
    Column("quality_distribution", JSON),
    Column("file_path", Text),
    Column("file_size_bytes", BigInteger),
    Column("file_format", Text),
    Column("used_for_fine_tuning", Boolean),
    Column("fine_tune_job_id", Text),
    Column("created_at", moment),
    Column("updated_at", moment),
    Column("created_by", Text),
    Column("status", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("done_count", BigInteger, nullable=False),
    Column("recipe", JSON, nullable=False),
    Column("split", JSON, nullable=False),
    Column("left_out", JSON, nullable=False),
    Column("renderer", Integer),
    Column("manifest", JSON),
    Column("root_hash", LargeBinary),
    Column("error", Text),
    Column("frozen_at", moment),
    Column("verified_at", moment),
    Column("archived_at", moment),
)

members = Table(
    "dataset_members",
    metadata,
    Column("dataset_id", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("example_id", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("split", SmallInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    _identity(),
    Column("agent", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("run", Text),
    Column("step", Text),
    Column("dedupe_key", Text),
    Column("waits", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("attempt_base", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("not_before", moment, nullable=False),
    Column("worker", Text),
    Column("token", Uuid),
    Column("lease_until", moment),
    Column("stop_requested", Text),
    Column("outcome", Text),
    Column("result", JSON),
    Column("error", Text),
    Column("created_at", moment, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("started_at", moment),
    Column("finished_at", moment),
)

command_waits = Table(
    "command_waits",
    metadata,
    Column("command_id", BigInteger, primary_key=True),
    Column("waits_for", BigInteger, primary_key=True),
)

command_attempts = Table(
    "command_attempts",
    metadata,
    Column("command_id", BigInteger, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("worker", Text, nullable=False),
    Column("token", Uuid, nullable=False),
    Column("ready_at", moment, nullable=False),
    Column("started_at", moment, nullable=False),
    Column("finished_at", moment),
    Column("outcome", Text, nullable=False),
    Column("error", Text),
)

command_steps = Table(
    "command_steps",
    metadata,
    Column("command_id", BigInteger, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("output", JSONB),  # and not JSON above: a step that gave nothing has the JSON value null
    Column("at", moment, nullable=False),
)

command_events = Table(
    "command_events",
    metadata,
    _identity(),
    Column("command_id", BigInteger, nullable=False),
    Column("at", moment, nullable=False),
    Column("event", Text, nullable=False),
    Column("attempt", Integer),
    Column("worker", Text),
    Column("actor", Text),
    Column("detail", Text),
)

workers = Table(
    "workers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("agents", ARRAY(Text), nullable=False),
    Column("started_at", moment, nullable=False),
    Column("seen_at", moment, nullable=False),
    Column("stopped_at", moment),
    Column("running", Integer, nullable=False),
)

historical_tasks = Table(
    "orchestrator_historical_tasks",
    metadata,
    _identity(),
    Column("task_id", Text, nullable=False, unique=True),
    Column("title", Text),
    Column("description", Text),
    Column("topic", Text),
    Column("completion_rate", Double),
    Column("quality_score", Double),
    Column("engagement_score", Double),
    Column("created_at", moment),
    Column("completed_at", moment),
    Column("related_tasks", ARRAY(Text)),
    Column("metadata", JSON),
    Column("status", Text),
    Column("execution_id", Text),
    Column("content", Text),
)

published_posts = Table(
    "orchestrator_published_posts",
    metadata,
    _identity(),
    Column("post_id", Text, nullable=False, unique=True),
    Column("title", Text),
    Column("content", Text),
    Column("topic", Text),
    Column("platform", Text),
    Column("views", BigInteger),
    Column("engagement", BigInteger),
    Column("shares", BigInteger),
    Column("published_at", moment),
    Column("created_at", moment),
    Column("status", Text),
    Column("execution_id", Text),
    Column("slug", Text),
    Column("keywords", JSON),
)

social_analytics = Table(
    "social_post_analytics",
    metadata,
    _identity(),
    Column("post_id", Text, nullable=False),
    Column("platform", Text),
    Column("views", BigInteger),
    Column("clicks", BigInteger),
    Column("shares", BigInteger),
    Column("likes", BigInteger),
    Column("comments", BigInteger),
    Column("engagement_rate", Double),
    Column("tracked_at", moment),
)

web_analytics = Table(
    "web_analytics",
    metadata,
    _identity(),
    Column("page_id", Text),
    Column("sessions", BigInteger),
    Column("users", BigInteger),
    Column("page_views", BigInteger),
    Column("bounce_rate", Double),
    Column("avg_session_duration", BigInteger),
    Column("conversion_rate", Double),
    Column("tracked_date", Date),
    Column("tracked_at", moment),
)

financial_metrics = Table(
    "financial_metrics",
    metadata,
    _identity(),
    Column("metric_type", Text),
    Column("metric_value", Numeric(18, 4)),
    Column("currency", Text),
    Column("period_start", Date),
    Column("period_end", Date),
    Column("recorded_at", moment),
)

history_imports = Table(
    "history_imports",
    metadata,
    _identity(),
    Column("at", moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("format", Text, nullable=False),
    Column("options", JSON, nullable=False),
    Column("new_count", BigInteger, nullable=False),
    Column("changed_count", BigInteger, nullable=False),
    Column("same_count", BigInteger, nullable=False),
    Column("undone_at", moment),
    Column("undone_by", Text),
)

history_import_rows = Table(
    "history_import_rows",
    metadata,
    Column("import_id", BigInteger, primary_key=True),
    Column("row_id", BigInteger, primary_key=True),
    Column("before", JSON),
    Column("digest", Uuid, nullable=False),
    Column("taken", JSON),
)

history_backfills = Table(
    "history_backfills",
    metadata,
    _identity(),
    Column("at", moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("filled", BigInteger, nullable=False),
    Column("trainable", BigInteger, nullable=False),
    Column("undone_at", moment),
    Column("undone_by", Text),
)

history_backfill_rows = Table(
    "history_backfill_rows",
    metadata,
    Column("backfill_id", BigInteger, primary_key=True),
    Column("example_id", BigInteger, primary_key=True),
    Column("source", Text, nullable=False),
    Column("source_id", BigInteger, nullable=False),
    Column("before", Text),
    Column("revision", Integer, nullable=False),
    Column("noted", Boolean, nullable=False),
)

executions = Table(
    "executions",
    metadata,
    Column("execution_id", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("intent", Text, nullable=False),
    Column("constraints", Text, nullable=False),
    Column("platforms", ARRAY(Text), nullable=False),
    Column("audience", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("context", JSON),
    Column("plan", JSON),
    Column("plan_source", Text, nullable=False),
    Column("plan_note", Text, nullable=False),
    Column("planner_model", Text, nullable=False),
    Column("score_parts", JSON),
    Column("form", Double),
    Column("score", Double),
    Column("scored_by", Text, nullable=False),
    Column("success", Boolean),
    Column("override", JSON),
    Column("result", JSON),
    Column("error", Text),
    Column("created_by", Text, nullable=False),
    Column("created_at", moment, nullable=False),
    Column("planned_at", moment),
    Column("decided_at", moment),
    Column("decided_by", Text),
    Column("decision_reason", Text, nullable=False),
    Column("started_at", moment),
    Column("finished_at", moment),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("cost_usd", Numeric(14, 6)),
    Column("spent", JSON, nullable=False),
    Column("duration_ms", BigInteger),
    Column("updated_at", moment, nullable=False),
    Column("request_key", Uuid, Computed("request_group(request)"), nullable=False),
)

workspace_settings = Table(
    "workspace_settings",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", JSON, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", moment, nullable=False),
)

learning_patterns = Table(
    "learning_patterns",
    metadata,
    _identity(),
    Column("pattern_id", Text, nullable=False, unique=True),
    Column("pattern_type", Text),
    Column("pattern_description", Text),
    Column("pattern_rule", JSON),
    Column("support_count", BigInteger),
    Column("confidence", Double),
    Column("lift", Double),
    Column("related_intents", ARRAY(Text)),
    Column("related_tags", ARRAY(Text)),
    Column("improves_quality", Boolean),
    Column("improves_success", Boolean),
    Column("avg_quality_improvement", Double),
    Column("discovered_at", moment),
    Column("last_validated_at", moment),
    Column("validation_count", Integer),
    Column("is_active", Boolean),
    Column("accepted_at", moment),
    Column("accepted_by", Text),
    Column("retired_at", moment),
)
pattern_events = Table(
    "pattern_events",
    metadata,
    _identity(),
    Column("pattern_id", Text, nullable=False),
    Column("at", moment, nullable=False),
    Column("event", Text, nullable=False),
    Column("figures", JSON),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
pattern_runs = Table(
    "pattern_runs",
    metadata,
    _identity(),
    Column("at", moment, nullable=False),
    Column("filter", JSON, nullable=False),
    Column("threshold", Double, nullable=False),
    Column("examples", JSON, nullable=False),
    Column("tried", JSON, nullable=False),
    Column("refused", JSON, nullable=False),
    Column("discovered", Integer, nullable=False),
    Column("validated", Integer, nullable=False),
    Column("decayed", Integer, nullable=False),
    Column("executions", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
)

tuning_jobs = Table(
    "fine_tuning_jobs",
    metadata,
    _identity(),
    Column("job_id", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False),
    Column("target_model", Text, nullable=False),
    Column("model_name", Text),
    Column("dataset_id", BigInteger),
    Column("dataset_version", Text),
    Column("training_config", JSON),
    Column("result_model_id", Text),
    Column("result_model_path", Text),
    Column("training_examples_count", BigInteger),
    Column("estimated_cost", Numeric(14, 6)),
    Column("actual_cost", Numeric(14, 6)),
    Column("created_at", moment),
    Column("started_at", moment),
    Column("completed_at", moment),
    Column("duration_seconds", BigInteger),
    Column("error_message", Text),
    Column("error_code", Text),
    Column("process_id", Text),
    Column("api_request_id", Text),
    Column("created_by", Text),
    Column("updated_at", moment),
    Column("state", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("spec_hash", Text, nullable=False),
    Column("repeat", Integer, nullable=False),
    Column("stage", Integer, nullable=False),
    Column("phase", Text, nullable=False),
    Column("done_steps", BigInteger, nullable=False),
    Column("total_steps", BigInteger),
    Column("seconds_left", Double),
    Column("remote", JSON, nullable=False),
    Column("remote_id", Text),
    Column("provider_status", Text, nullable=False),
    Column("wants", Text),
    Column("owner", Text),
    Column("token", Uuid),
    Column("lease_until", moment),
    Column("poll_at", moment, nullable=False),
    Column("faults", Integer, nullable=False),
    Column("searches", Integer, nullable=False),
    Column("host", Text),
    Column("submitted_at", moment),
    Column("estimated_cost_high", Numeric(14, 6)),
    Column("tokens_estimated", BigInteger),
    Column("tokens_trained", BigInteger),
    Column("advice", Text, nullable=False),
    Column("archived_at", moment),
)

tuning_events = Table(
    "fine_tuning_events",
    metadata,
    _identity(),
    Column("job_id", BigInteger, nullable=False),
    Column("at", moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("data", JSON),
    Column("source", Text),
)

tuning_metrics = Table(
    "fine_tuning_metrics",
    metadata,
    Column("job_id", BigInteger, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("value", Double, nullable=False),
    Column("at", moment, nullable=False),
)

models = Table(
    "models",
    metadata,
    _identity(),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("base_model", Text, nullable=False),
    Column("call_name", Text, nullable=False),
    Column("job_id", BigInteger),
    Column("dataset_id", BigInteger),
    Column("parameters", JSON, nullable=False),
    Column("checkpoints", JSON, nullable=False),
    Column("artefacts", JSON, nullable=False),
    Column("profile", JSON),
    Column("cost_usd", Numeric(14, 6)),
    Column("notes", Text, nullable=False),
    Column("serving", Text, nullable=False),
    Column("serving_remote", JSON, nullable=False),
    Column("serving_error", Text, nullable=False),
    Column("hourly_usd", Numeric(14, 6)),
    Column("shutdown_date", Date),
    Column("created_at", moment, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("archived_at", moment),
)

deployments = Table(
    "deployments",
    metadata,
    _identity(),
    Column("model_id", BigInteger, nullable=False),
    Column("at", moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("restores", BigInteger),
    Column("replaced", Text, nullable=False),
    Column("follows", BigInteger),
    Column("ended_at", moment),
    Column("ended_by", Text),
    Column("end_reason", Text),
)

evaluations = Table(
    "evaluations",
    metadata,
    _identity(),
    Column("model_id", BigInteger, nullable=False),
    Column("dataset_id", BigInteger, nullable=False),
    Column("split", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("row_total", Integer, nullable=False),
    Column("row_done", Integer, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("cost_usd", Numeric(14, 6)),
    Column("error", Text, nullable=False),
    Column("created_at", moment, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("finished_at", moment),
    Column("row_skipped", Integer),
)

evaluation_outputs = Table(
    "evaluation_outputs",
    metadata,
    Column("evaluation_id", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("output", Text, nullable=False),
    Column("expected", Text, nullable=False),
    Column("exact", Boolean, nullable=False),
    Column("similarity", Double),
    Column("tokens_out", Integer),
    Column("duration_ms", Integer),
    Column("error", Text, nullable=False),
)

similarity_model = Table(
    "similarity_model",
    metadata,
    Column("name", Text, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("since", moment, nullable=False),
    Column("only_one", Boolean, primary_key=True),
)

similarity_due = Table(
    "similarity_due",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("row_id", BigInteger, primary_key=True),
    Column("mark", BigInteger, nullable=False),
)

similarity_vectors = Table(
    "similarity_vectors",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("row_id", BigInteger, primary_key=True),
    Column("model", Text, nullable=False),
    Column("content", Uuid, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Column("known_at", moment),
    Column("topic", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("change", BigInteger, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("actor", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("at", moment, nullable=False),
    Column("status", Integer),
    Column("answer", LargeBinary),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("workspaces", ARRAY(Text)),
    Column("created_at", moment, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", moment, nullable=False),
    Column("last_used_at", moment),
    Column("revoked_at", moment),
    Column("revoked_by", Text),
)
