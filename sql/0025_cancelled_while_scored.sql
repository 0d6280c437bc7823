-- An execution that is cancelled when nothing but its scoring is left is looked at once more, too: until now no step
-- ended after it, so its example was neither completed nor tagged CANCELLED. And whoever cancels all commands of an
-- execution cancels that look with them: it is asked for again, for it is no work that could be spared.
CREATE FUNCTION follow_scoring() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Locked, as `follow_command` does: a cancellation that is not yet committed is waited for.
    PERFORM FROM executions
    WHERE execution_id = NEW.run AND (status = 'cancelled' OR status = 'failed' AND NEW.action = 'close') FOR UPDATE;
    IF FOUND THEN PERFORM close_execution(NEW.run); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER with_its_execution_scored AFTER UPDATE OF status ON commands FOR EACH ROW
    WHEN (NEW.run IS NOT NULL AND NEW.agent = 'orchestrator' AND NEW.status IS DISTINCT FROM OLD.status
          AND (NEW.action = 'score' AND NEW.status IN ('completed', 'failed', 'cancelled')
               OR NEW.action = 'close' AND NEW.status = 'cancelled'))
    EXECUTE FUNCTION follow_scoring();

-- Those it happened to: they began, and what they came to was never put together.
SELECT close_execution(execution_id) FROM executions
WHERE status = 'cancelled' AND plan IS NOT NULL AND started_at IS NOT NULL AND result IS NULL;
