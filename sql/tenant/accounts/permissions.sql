-- permissions.sql: the permissions of each user.
--
-- A column of users, not a table: the check of the caller reads it from the row that it reads anyway.

alter table users add column permissions text[] not null default '{}';

-- A list that the service can read in each request.
alter table users add constraint users__permissions_form check (
  cardinality(permissions) <= 200
  and coalesce(array_ndims(permissions), 1) = 1
  and array_position(permissions, null) is null
);

comment on column users.permissions is
  'Names of permissions that apps declare. Superusers have all of them.';
