import { connectionTo } from '../../../db/admin/connection-config.ts';
import { OperatorError } from '../../../errors.ts';
import { changeSettings } from '../../../tenancy/registry/change-settings.ts';
import { describeSettings } from '../../../tenancy/registry/describe-settings.ts';
import { parseSchemaOrSite, SITE_SCHEMA } from '../../../tenancy/registry/tenant.ts';
import { settingsSchemaOf } from '../../../tenancy/registry/tenant-settings.ts';
import type { CliCommand } from '../../framework/command.ts';

type Options = { schema: string; set?: string[]; unset?: string[]; json?: true };

const collect = (value: string, before: string[] = []): string[] => [...before, value];

function parsePair(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) {
    throw new OperatorError('usage_invalid', `"${text}" is not a setting. Write --set NAME=value.`);
  }
  return [text.slice(0, at), text.slice(at + 1)];
}

export const settings: CliCommand<Options> = {
  name: 'settings',
  summary: 'Show or change the settings with which one tenant overrides the environment.',
  audited: false,

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant; site: the public site')
      .option('--set <NAME=value>', 'set a value; repeatable', collect)
      .option('--unset <NAME>', "remove the tenant's value; repeatable", collect)
      .option('--json', 'print all effective settings as JSON'),

  async run({ schema, set = [], unset = [], json }, { project, config, ownerUrl, print }) {
    const where = parseSchemaOrSite(schema);
    const own = await changeSettings(project, connectionTo(await ownerUrl()), where, {
      set: Object.fromEntries(set.map(parsePair)),
      unset,
    });
    const described = describeSettings(
      settingsSchemaOf(project),
      (await config()) as Readonly<Record<string, unknown>>,
      { isSite: where === SITE_SCHEMA },
      own,
    );
    if (json) {
      print(JSON.stringify(Object.fromEntries(described.map(({ name, value }) => [name, value]))));
      return;
    }
    for (const { name, value, is_overridden: isOverridden } of described) {
      print(`${name}=${value}${isOverridden ? '  (of this tenant)' : ''}`);
    }
  },
};
