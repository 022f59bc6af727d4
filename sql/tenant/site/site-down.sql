-- site-down.sql: undoes site.sql. Sign-ups in progress are lost.

drop table workspace_searches;
drop table signups;
drop function mark_site_mail();
