import { connectionTo } from '../../../db/admin/connection-config.ts';
import { OperatorError } from '../../../errors.ts';
import { changeSettings } from '../../../tenancy/registry/change-settings.ts';
import { type Rate, rateText } from '../../../tenancy/registry/setting-fields.ts';
import { parseSchemaOrSite, SITE_SCHEMA } from '../../../tenancy/registry/tenant.ts';
import { effectiveSettings, settingsSchemaOf } from '../../../tenancy/registry/tenant-settings.ts';
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

/** Returns a setting as text. Objects and null are rates. */
const writtenAs = (value: unknown): unknown =>
  value === null || typeof value === 'object' ? rateText(value as Rate | null) : value;

export const settings: CliCommand<Options> = {
  name: 'settings',
  summary: 'Show or change the settings with which one tenant overrides the environment.',

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
    const known = settingsSchemaOf(project);
    const defaults = (await config()) as Readonly<Record<string, unknown>>;
    const effective = effectiveSettings(known, defaults, { isSite: where === SITE_SCHEMA }, own);
    const written = Object.keys(known.shape).map((name) => [name, writtenAs(effective[name])] as const);
    if (json) {
      print(JSON.stringify(Object.fromEntries(written)));
      return;
    }
    for (const [name, value] of written) {
      print(`${name}=${value}${Object.hasOwn(own, name) ? '  (of this tenant)' : ''}`);
    }
  },
};
