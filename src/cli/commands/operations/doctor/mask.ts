import { SECRETS } from '../../../../config/secret-files.ts';

const NAMED_URL = /^([a-z][a-z0-9_-]*=)?([a-z][a-z0-9+.-]*:\/\/.*)$/is;

/**
 * Parameters of a URL whose values are not secret. All others are masked: pg and nodemailer also
 * accept passwords there.
 */
const SHOWN = new Set([
  'application_name',
  'connect_timeout',
  'dbname',
  'host',
  'port',
  'ssl',
  'sslmode',
  'sslnegotiation',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'target_session_attrs',
  'uselibpqcompat',
  'user',
]);

function maskUrl(text: string): string {
  const [, name = '', address = ''] = NAMED_URL.exec(text) ?? [];
  if (!URL.canParse(address)) {
    return '…';
  }
  const { protocol, username, password, host, pathname, searchParams, hash } = new URL(address);
  // Over HTTP, a username may be a token.
  const user = username === '' || /^https?:$/.test(protocol) ? username && '…' : username;
  const login = username === '' && password === '' ? '' : `${user}${password === '' ? '' : ':…'}@`;
  const options = [...searchParams].map(([key, value]) => `${key}=${SHOWN.has(key) ? value : '…'}`);
  const query = options.length > 0 ? `?${options.join('&')}` : '';
  return `${name}${protocol}//${login}${host}${pathname}${query}${hash === '' ? '' : '#…'}`;
}

const maskKey = (key: string): string => `${/^\s*([^:]*):/.exec(key)?.[1] ?? ''}:…`;

const partsOf = (value: string, separator: RegExp): readonly string[] =>
  value
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '');

/**
 * Returns the value of a variable as it may be shown: the length of a secret, the IDs of keys, and
 * every URL without its passwords, tokens and unknown parameters.
 */
export function mask(name: string, value: string): string {
  if (!SECRETS.includes(name)) {
    return value.includes('://') ? maskUrl(value.trim()) : value;
  }
  if (name.startsWith('APP_SECRET')) {
    return `… (${value.length} characters)`;
  }
  if (name === 'TENANCY_KEYS' || name === 'LANE_LOGINS') {
    return partsOf(value, /[,\n]/).map(maskKey).join(',');
  }
  // A password may contain a comma: only one before another name separates entries.
  return partsOf(value, /(?:,|\n)(?=\s*[a-z][a-z0-9_-]*=[a-z]+:\/\/)/)
    .map(maskUrl)
    .join(',');
}
