-- notes-down.sql: undoes notes.sql, and deletes every note.

drop table notes;
