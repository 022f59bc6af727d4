-- idempotency-down.sql: undoes idempotency.sql. A repeated request then runs again.

drop function claim_idempotency_key(text, text, bytea, interval, integer);
drop table idempotency_keys;
