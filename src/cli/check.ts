import { type Finding, runChecks } from '../db/checks.ts';
import { withOwner } from '../db/owner-client.ts';
import { DomainError } from '../errors.ts';
import { MAIN } from '../tenancy/databases.ts';
import type { Database } from '../tenancy/provision-on.ts';
import type { CliCommand } from './command.ts';
import { databasesOf } from './fleet.ts';

/** The owners' roles are not there before the first migration. */
const UNDEFINED_OBJECT = '42704';

async function checkDatabase({ name, owner, service }: Database): Promise<readonly Finding[]> {
  const findings = await withOwner(owner, (client) =>
    runChecks(async (text) => (await client.query(text)).rows, { service }),
  ).catch((error: { code?: string }) => {
    throw error.code === UNDEFINED_OBJECT
      ? new DomainError('precondition_failed', 'The shared schema is not installed here: run `make migrate`.')
      : error;
  });
  return name === MAIN
    ? findings
    : findings.map((found) => ({ ...found, object: `in database ${name}: ${found.object}` }));
}

export const check: CliCommand<{ json?: true }> = {
  name: 'check',
  summary: 'Look for anything in the database that would weaken a wall; exits 1 when there is.',
  declare: (parser) => parser.option('--json', 'print the findings as JSON'),

  async run({ json }, { config, ownerUrl, print, red }) {
    const findings: Finding[] = [];
    for (const database of Object.values(databasesOf(await config(), await ownerUrl()))) {
      findings.push(...(await checkDatabase(database)));
    }
    if (json) {
      print(JSON.stringify(findings));
    } else {
      for (const { check: name, object, fault, remedy } of findings) {
        print(`${red(name)}  ${object}: ${fault}. ${remedy}`);
      }
    }
    if (findings.length > 0) {
      throw new DomainError('precondition_failed', `${findings.length} found; each line says what mends it.`);
    }
    if (!json) {
      print('Every wall stands.');
    }
  },
};
