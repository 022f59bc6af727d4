-- billing-down.sql: undoes billing.sql. Events that wait are lost.

drop table stripe_events;
