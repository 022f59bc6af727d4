import { isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import type { z } from 'zod';

import type { Field } from './field.ts';
import { checkedText } from './text.ts';

const INVALID = 'Enter a valid URL.';

/** Maximum characters, as in Django's URLValidator. */
const MAX_URL = 2_048;
/** Maximum characters of a hostname, from RFC 1034. */
const MAX_HOST = 253;

const SCHEMES = new Set(['http', 'https', 'ftp', 'ftps']);

const OCTET = '(?:0|25[0-5]|2[0-4]\\d|1\\d?\\d?|[1-9]\\d?)';
const LETTER = 'a-z0-9\u00a1-\uffff';
const NAME =
  `[${LETTER}](?:[${LETTER}-]{0,61}[${LETTER}])?` +
  `(?:\\.(?!-)[${LETTER}-]{1,63}(?<!-))*` +
  '\\.(?!-)(?:[a-z\u00a1-\uffff-]{2,63}|xn--[a-z0-9]{1,59})(?<!-)\\.?';
const HOST = `${OCTET}(?:\\.${OCTET}){3}|\\[[0-9a-f:.]+\\]|${NAME}|localhost`;
const URL_FORM = new RegExp(
  `^([a-z0-9.+-]+)://((?:[^\\s:@/]+(?::[^\\s:@/]*)?@)?)(${HOST})((?::\\d{1,5})?(?:[/?#]\\S*)?)$`,
  'i',
);

function hasForm(url: string): boolean {
  const [, scheme = '', , host = ''] = URL_FORM.exec(url) ?? [];
  return (
    SCHEMES.has(scheme.toLowerCase()) &&
    host.length <= MAX_HOST &&
    (!host.startsWith('[') || isIPv6(host.slice(1, -1)))
  );
}

/** Whether Django's URLValidator accepts a URL. Hosts with non-ASCII letters are also checked in their ASCII form. */
export function isUrl(url: string): boolean {
  if (hasForm(url)) {
    return true;
  }
  const [, before = '', host = '', after = ''] =
    /^([a-z]+:\/\/(?:[^\s@/]*@)?)([^\s:/?#]+)(.*)$/i.exec(url) ?? [];
  return /[^\0-\x7f]/.test(host) && hasForm(`${before}${domainToASCII(host)}${after}`);
}

/** Creates a URLField with Django's rules: `http`, `https`, `ftp` and `ftps`. Default of `max`: 2,048 characters. */
export const url = ({
  max = MAX_URL,
  blank = false,
}: Readonly<{ max?: number; blank?: boolean }> = {}): Field<z.ZodString> =>
  checkedText({ max, blank }, { format: 'uri' }, (given) => (isUrl(given) ? null : INVALID), INVALID);
