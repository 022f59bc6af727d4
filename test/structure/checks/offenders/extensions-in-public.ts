import type { Offender } from '../offender.ts';

export const extensionsInPublic: readonly Offender[] = [
  {
    check: 'extensions-in-public',
    severity: 'advice',
    what: 'an extension in public',
    plant: () => 'create extension citext schema public',
    found: () => 'extension citext is in schema public',
    remedy: () =>
      'if nothing but tenants uses it: alter extension citext set schema extensions, then tenants migrate --reinstall',
    follow: () => 'alter extension citext set schema extensions',
  },
  {
    check: 'extensions-in-public',
    severity: 'advice',
    what: 'an extension of no list in public',
    plant: () => 'create extension cube schema public',
    found: () => 'extension cube is in schema public',
    remedy: () =>
      'create schema cube; add it to the search_path of the roles that use the extension; then alter extension cube set schema cube',
    follow: () => 'create schema cube; alter extension cube set schema cube',
  },
];
