import { z } from 'zod';

import { defineOperation } from '../../tenancy/operations/operation-kind.ts';
import { changeSettings } from '../../tenancy/registry/change-settings.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';

const name = z.string().regex(/^[A-Z][A-Z0-9_]{0,99}$/);

/** Settings with which a tenant overrides the environment. */
export const changeSettingsKind = defineOperation({
  kind: 'change-settings',
  title: 'Change settings',
  description: 'Changes the settings with which the tenant overrides the environment.',
  target: 'tenant-or-site',
  // Settings decide who may register and which origins may send requests.
  superuserOnly: { tenant: true },
  repeatable: true,
  arguments: z.strictObject({
    set: z.record(name, z.string().max(10_000)).default({}).meta({
      title: 'Set',
      description: 'Names and values, as text.',
    }),
    unset: z.array(name).default([]).meta({
      title: 'Unset',
      description: "Names of settings that lose the tenant's own value.",
    }),
  }),
  run: async ({ set, unset }, { project, databases, tenant }) => {
    const { owner } = chooseDatabase(databases, MAIN);
    await changeSettings(project, owner, tenant, { set, unset });
    return { changed: [...Object.keys(set), ...unset] };
  },
});
