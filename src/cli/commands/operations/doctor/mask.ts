import { SECRETS } from '../../../../config/secret-files.ts';

const NAMED_URL = /^([a-z][a-z0-9_-]*=)?([a-z]+:\/\/.*)$/s;

function maskUrl(text: string): string {
  const [, name = '', address = ''] = NAMED_URL.exec(text) ?? [];
  if (!URL.canParse(address)) {
    return '…';
  }
  const { protocol, username, password, host, pathname, searchParams } = new URL(address);
  const login = username === '' && password === '' ? '' : `${username}${password === '' ? '' : ':…'}@`;
  // pg takes a password there, too.
  const options = [...searchParams].map(([key, value]) => `${key}=${key.startsWith('ssl') ? value : '…'}`);
  return `${name}${protocol}//${login}${host}${pathname}${options.length > 0 ? `?${options.join('&')}` : ''}`;
}

const maskKey = (key: string): string => `${/^\s*([^:]*):/.exec(key)?.[1] ?? ''}:…`;

/**
 * The value of a variable as it may be shown, and sent to somebody: of a secret
 * its length, of keys their ids, of URLs all but the passwords.
 */
export function mask(name: string, value: string): string {
  if (!SECRETS.includes(name)) {
    return value;
  }
  if (name.startsWith('APP_SECRET')) {
    return `… (${value.length} characters)`;
  }
  const parts = value
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return parts.map(name === 'TENANCY_KEYS' ? maskKey : maskUrl).join(',');
}
