drop table secrets;
drop table books;
drop table authors;
