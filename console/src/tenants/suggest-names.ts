/** Maximum characters of a label of a hostname, and of a schema. */
const MAX_LENGTH = 50;

/** The ASCII letters and digits of a name, with a separator between its words. */
const wordsOf = (name: string, separator: string): string =>
  name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, ' ')
    .trim()
    .slice(0, MAX_LENGTH)
    .trim()
    .replaceAll(' ', separator);

/** Returns a schema for a tenant's name. It begins with a letter. */
export function schemaOf(name: string): string {
  const words = wordsOf(name, '_');
  return /^\d/.test(words) ? `t_${words}` : words;
}

/** Returns a domain below the base domain for a tenant's name. */
export function domainOf(name: string, baseDomain: string): string {
  const words = wordsOf(name, '-');
  return words === '' ? '' : `${words}.${baseDomain}`;
}
