import { signingKeys } from '../../../src/tenancy/registry/signing-key.ts';
import type { Switch } from './record.ts';

/** Switches that replace a dependency in Node by a weaker one. */
export const inNode: readonly Switch[] = [
  {
    id: 'statement-open',
    name: 'any statement is sent (no wall 0)',
    wall: 'statement',
    replacements: { channel: 'bare' },
  },
  {
    id: 'simple-protocol',
    name: 'a query without values uses the simple protocol',
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
    name: 'forwarded headers are trusted',
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
    replacements: { app: { isIssuedFor: () => true } },
  },
  {
    id: 'guard-off',
    name: 'the user of a token is not checked',
    wall: 'guard',
    replacements: {
      app: { userGuard: () => ({ text: 'select 1', values: [], raises: true, verify: () => {} }) },
    },
  },
  {
    id: 'directory-never-invalidated',
    name: 'the cache of hosts is never invalidated',
    wall: 'directory',
    replacements: { app: { cachesHosts: true } },
  },
  {
    id: 'parser-lenient',
    name: 'requests with ambiguous length are accepted',
    wall: 'parser',
    replacements: { app: { lenient: true } },
  },
  {
    id: 'start-unchecked',
    name: 'the service starts without checks',
    wall: 'start',
    replacements: {
      mayStart: async () => ({ contextMode: 'guarded', fingerprint: '', fleetChecked: true, warnings: [] }),
    },
  },
];
