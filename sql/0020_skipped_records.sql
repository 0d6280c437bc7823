-- Records of the split that an evaluation does not ask, because they hold tools or calls of tools: a question is asked
-- and an answer compared as text. NULL: it was made before they were counted.
ALTER TABLE evaluations ADD COLUMN row_skipped integer CHECK (row_skipped >= 0);
