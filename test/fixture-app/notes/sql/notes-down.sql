-- notes-down.sql: undoes notes.sql.

drop table note_events;
drop table note_readers;
drop table bookings;
drop table notes;
drop function reject_event_change();
drop type note_level;
