-- The standard name of an agent's pause after an offer that it did not answer.
ALTER TABLE queues RENAME COLUMN rest_s TO no_answer_delay_s;
ALTER TABLE queues RENAME CONSTRAINT queues_rest_s_check TO queues_no_answer_delay_s_check;
