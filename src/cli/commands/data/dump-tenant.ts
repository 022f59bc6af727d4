import { Option } from 'commander';
import { locateTenant } from '../../../tenancy/registry/locate-tenant.ts';
import { tablesOf } from '../../../tenancy/registry/project.ts';
import { parseSchemaName } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';
import { countRows, withTableProgress } from '../../framework/table-progress.ts';

type Options = { schema: string; out?: string; format: string; overwrite?: true; json?: true };

const inWords = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

export const dumpTenantCommand: CliCommand<Options> = {
  name: 'dump-tenant',
  summary: 'Dump one tenant to a file from one snapshot, while it is served.',
  audited: ({ format }) => ({ format }),

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant')
      .option('--out <file>', 'output file; default: <schema>.tenant, or <schema>.sql, in this folder')
      .addOption(
        new Option('--format <name>', 'tenant: for restore-tenant; sql: by pg_dump, for people and psql')
          .choices(['tenant', 'sql'])
          .default('tenant'),
      )
      .option('--overwrite', 'replace an existing file')
      .option('--json', 'print the result as JSON')
      .addHelpText(
        'after',
        '\nThe file contains all rows of the tenant, including password hashes. Only its owner can read it. Sessions, keys and pending mail are omitted.',
      ),

  async run(
    { schema, out, format, overwrite = false, json },
    { project, config, ownerUrl, print, note, progress },
  ) {
    const name = parseSchemaName(schema);
    const file = out ?? `${name}.${format}`;
    const { owner } = await locateTenant(databasesOf(await config(), await ownerUrl()), name);
    if (format === 'sql') {
      const { dumpSql } = await import('../../../tenancy/transfer/dump/dump-sql.ts');
      const { size } = await dumpSql(owner, name, { file, overwrite, declarations: tablesOf(project) });
      print(json ? JSON.stringify({ file, size }) : file);
      note(`${inWords(size)} of SQL.`);
      return;
    }
    const { dumpTenant } = await import('../../../tenancy/transfer/dump/dump-tenant.ts');
    const { manifest, size } = await withTableProgress(progress, `Dumping ${name}`, (hooks) =>
      dumpTenant(owner, name, { project, file, overwrite, declarations: tablesOf(project), ...hooks }),
    );
    print(json ? JSON.stringify({ file, size, ...manifest }) : file);
    note(`${countRows(manifest.tables)}, ${inWords(size)}.`);
  },
};
