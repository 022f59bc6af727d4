/** Maximum characters of a schema. Labels of hostnames may have more. */
const MAX_LENGTH = 48;

/** The ASCII letters and digits of a name, with a separator between its words. */
const wordsOf = (name: string, separator: string, maxLength = MAX_LENGTH): string =>
  name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, ' ')
    .trim()
    .slice(0, maxLength)
    .trim()
    .replaceAll(' ', separator);

/** Returns a schema for a tenant's name. It begins with a letter. */
export function schemaOf(name: string): string {
  const words = wordsOf(name, '_');
  return /^\d/.test(words) ? `t_${wordsOf(name, '_', MAX_LENGTH - 't_'.length)}` : words;
}

/** Returns a domain below the base domain for a tenant's name. */
export function domainOf(name: string, baseDomain: string): string {
  const words = wordsOf(name, '-');
  return words === '' ? '' : `${words}.${baseDomain}`;
}
