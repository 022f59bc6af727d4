drop table secrets;
drop table fines;
drop table loans;
drop table books;
drop table authors;
