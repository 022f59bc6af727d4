/**
 * SQL that makes the text of values identical on every server and for every login, for the transaction. A
 * time without a zone is in UTC.
 */
export const TEXT_SETTINGS = `
  set local timezone = 'UTC';
  set local datestyle = 'ISO, YMD';
  set local intervalstyle = 'postgres';
  set local bytea_output = 'hex';
  set local extra_float_digits = 3;
  set local lc_monetary = 'C';
  set local xmloption = 'content'
`;
