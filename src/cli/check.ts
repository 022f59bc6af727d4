import { runChecks } from '../db/checks.ts';
import { connectionTo, loginOf } from '../db/connection.ts';
import { withOwner } from '../db/owner-client.ts';
import { DomainError } from '../errors.ts';
import { checkSettings } from '../tenancy/check-settings.ts';
import type { CliCommand } from './command.ts';

/** The owners' roles are not there before the first migration. */
const UNDEFINED_OBJECT = '42704';

export const check: CliCommand<{ json?: true }> = {
  name: 'check',
  summary: 'Look for anything in the database that would weaken a wall; exits 1 when there is.',
  declare: (parser) => parser.option('--json', 'print the findings as JSON'),

  async run({ json }, { config, ownerUrl, print, red }) {
    const service = loginOf((await config()).DATABASE_URL).user;
    const findings = await withOwner(connectionTo(await ownerUrl()), async (client) => [
      ...(await runChecks(async (text) => (await client.query(text)).rows, { service })),
      ...(await checkSettings(client)),
    ]).catch((error: { code?: string }) => {
      throw error.code === UNDEFINED_OBJECT
        ? new DomainError(
            'precondition_failed',
            'The shared schema is not installed here: run `make migrate`.',
          )
        : error;
    });
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
