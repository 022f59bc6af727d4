-- permissions-down.sql: undoes permissions.sql, and deletes the permissions of all users.

alter table users drop column permissions;
