import { z } from 'zod';

import type { Project } from '../../../definition/define-project.ts';
import { OperatorError } from '../../../errors.ts';
import { settingsSchemaOf } from '../../../tenancy/registry/tenant-settings.ts';
import type { CliCommand } from '../../framework/command.ts';

type Options = { site?: true; setting?: readonly string[] };

/**
 * Returns settings from texts of the form NAME=value.
 *
 * @throws OperatorError `usage_invalid`
 */
function readSettings(
  texts: readonly string[],
  known: Readonly<Record<string, z.ZodType>>,
): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const [, name = '', value = ''] = /^([A-Z_]+)=(.*)$/s.exec(text) ?? [];
      if (!Object.hasOwn(known, name)) {
        throw new OperatorError(
          'usage_invalid',
          `"${text}" is not a setting of a tenant. Write it as NAME=value, for example LOGIN_FIELD=email.`,
        );
      }
      const parsed = z.safeParse(known[name] as z.ZodType, value);
      if (!parsed.success) {
        throw new OperatorError('usage_invalid', `${name} ${parsed.error.issues[0]?.message}.`);
      }
      return [name, value];
    }),
  );
}

export const openapiCommand = (project: Project): CliCommand<Options> => ({
  name: 'openapi',
  summary: 'Print the OpenAPI document of a tenant or of the public site, as JSON. Needs no database.',
  audited: false,
  inTenant: false,

  declare: (parser) =>
    parser
      .option('--site', 'the document of the public site; default: of a tenant')
      .option('--setting <name=value...>', 'settings of the tenant that differ from the defaults')
      .addHelpText(
        'after',
        '\nContains also the routes that only some values of variables add. Routes without a description are listed on standard error.',
      ),

  async run({ site, setting = [] }, { print, note }) {
    const [{ undescribedRoutes }, { createProjectDocument }, { createDescribedRouters, describedSettings }] =
      await Promise.all([
        import('../../../http/openapi/document.ts'),
        import('../../../server/api-documents.ts'),
        import('../../../server/describe-project.ts'),
      ]);
    const kind = site ? 'site' : 'tenant';
    const settings = describedSettings(
      project,
      kind,
      readSettings(setting, settingsSchemaOf(project).shape as Readonly<Record<string, z.ZodType>>),
    );
    const routers = await createDescribedRouters(project, kind, 'all');
    for (const route of new Set(undescribedRoutes(routers))) {
      note(
        `${route} has no description. Pass \`fields\` to \`resource\`, or use \`operation\`: docs/openapi.md.`,
      );
    }
    print(JSON.stringify(createProjectDocument(project, kind, routers, settings), null, 2));
  },
});
