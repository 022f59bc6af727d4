-- people-down.sql: undoes people.sql.

drop table people;
