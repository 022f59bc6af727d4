-- places.sql: a column, an index or a default of each extension.

create table places (
  id uuid not null default uuid_generate_v4(),
  name citext not null,
  country text not null,
  path ltree not null,
  facts hstore not null default '',
  code_digest bytea not null,
  open_from date not null,
  constraint places_pkey primary key (id),
  constraint places__name unique (name),
  -- btree_gist: one place at a path and a day.
  constraint places__path_day exclude using gist (country with =, open_from with =)
);

create index places__name_trigrams on places using gin ((name::text) gin_trgm_ops);
create index places__path on places using gist (path);
create index places__facts on places using gin (facts);

-- The dictionary is named: the function must be immutable for an index.
create function plain(p_text text) returns text
language sql immutable
return unaccent('unaccent'::regdictionary, p_text);

create index places__plain_name on places (plain(name::text));

create view austrian_places with (security_invoker = true) as
select
  p.id,
  p.name,
  c.name as country_name
from places as p
join global.countries as c on c.code = p.country;
