-- logins-down.sql: undoes logins.sql.

drop table logins;
