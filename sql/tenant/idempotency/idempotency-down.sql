-- idempotency-down.sql: undoes idempotency.sql. Repeated requests are then made again.

drop function claim_idempotency_key(text, text, bytea, interval, integer);
drop table idempotency_keys;
