-- The span of the request (W3C traceparent), which the engine's spans follow; '' without traces.
ALTER TABLE commands ADD COLUMN traceparent text NOT NULL DEFAULT '';
