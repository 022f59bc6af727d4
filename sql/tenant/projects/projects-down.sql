-- projects-down.sql: undoes projects.sql, and deletes every project.

drop table projects;
