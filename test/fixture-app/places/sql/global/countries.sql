-- countries.sql: a table that every tenant reads.

create table countries (
  code text not null,
  name citext not null,
  constraint countries_pkey primary key (code),
  constraint countries__code_form check (code ~ '^[A-Z]{2}$')
);

insert into countries (code, name)
values ('AT', 'Austria'), ('BE', 'Belgium');
