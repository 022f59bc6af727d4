-- accounts-down.sql: undoes accounts.sql, and deletes every user.

drop table refresh_tokens;
drop table users;
