import { signingKeys } from '../../../src/tenancy/registry/signing-key.ts';
import type { Switch } from './record.ts';

/** A dependency of Node's is replaced by a worse one, by argument. */
export const inNode: readonly Switch[] = [
  {
    id: 'statement-open',
    name: 'any statement is sent (wall 0 is open)',
    wall: 'statement',
    replacements: { channel: 'bare' },
  },
  {
    id: 'simple-protocol',
    name: 'a query without values goes by the simple protocol',
    wall: 'statement',
    replacements: { channel: 'simple' },
  },
  {
    id: 'reset-off',
    name: 'the session is not reset',
    wall: 'reset',
    replacements: { rewrite: (text) => (text.startsWith('close all; ') ? 'select 1' : text) },
  },
  {
    id: 'settings-for-session',
    name: 'path and role are set for the session',
    wall: 'local-settings',
    replacements: {
      rewrite: (text) => (text.includes('tenancy.enter') ? text.replaceAll(', true)', ', false)') : text),
    },
  },
  {
    id: 'host-forwarded',
    name: 'forwarded headers are believed',
    wall: 'host',
    replacements: { app: { proxy: true } },
  },
  {
    id: 'host-header',
    name: 'the tenant is read from a header',
    wall: 'host',
    replacements: { app: { tenantHeader: true } },
  },
  {
    id: 'key-shared',
    name: 'all tenants sign with one key',
    wall: 'key',
    replacements: ({ acme }) => ({
      app: { keysOf: (secrets) => signingKeys(secrets, { id: acme.id, keyGeneration: 1 }) },
    }),
  },
  {
    id: 'audience-unchecked',
    name: 'aud and iss are not checked',
    wall: 'audience',
    replacements: { app: { isOurs: () => true } },
  },
  {
    id: 'guard-off',
    name: 'the user of a token is not looked for',
    wall: 'guard',
    replacements: {
      app: { userGuard: () => ({ text: 'select 1', values: [], raises: true, verify: () => {} }) },
    },
  },
  {
    id: 'directory-never-forgets',
    name: 'the cache of hosts is never invalidated',
    wall: 'directory',
    replacements: { app: { remembersHosts: true } },
  },
  {
    id: 'parser-lenient',
    name: 'a request may have two ends',
    wall: 'parser',
    replacements: { app: { lenient: true } },
  },
  {
    id: 'start-unasked',
    name: 'the service starts without asking',
    wall: 'start',
    replacements: { mayStart: async () => ({ contextMode: 'guarded', fingerprint: '', warnings: [] }) },
  },
];
