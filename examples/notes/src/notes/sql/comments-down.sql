-- comments-down.sql: undoes comments.sql, and deletes every comment.

drop table comments;
