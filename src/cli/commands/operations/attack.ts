import { z } from 'zod';
import { attacksOfApps } from '../../../attacks/attacks-of-apps.ts';
import type { Targets } from '../../../attacks/open-context.ts';
import { runAttacks, type Verdict } from '../../../attacks/run-attacks.ts';
import { counted } from '../../../counted.ts';
import { connectionTo } from '../../../db/admin/connection-config.ts';
import type { Project } from '../../../definition/define-project.ts';
import { OperatorError } from '../../../errors.ts';
import type { CliDeps } from '../../framework/command.ts';
import type { Progress } from '../../framework/progress.ts';

type Options = { url?: string; json?: true };

const postgresUrl = z.url({ protocol: /^postgres(ql)?$/ });

async function targetsOf(url: string | undefined, { project, config, ownerUrl }: CliDeps): Promise<Targets> {
  if (url === undefined) {
    const { DATABASE_URL } = await config();
    return { owner: connectionTo(await ownerUrl()), service: connectionTo(DATABASE_URL), project };
  }
  if (!postgresUrl.safeParse(url).success) {
    throw new OperatorError(
      'usage_invalid',
      '--url is not a URL: postgres://user:password@host:port/database.',
    );
  }
  return { owner: connectionTo(url), service: null, project };
}

const line = ({ id, name, walls, leak }: Verdict, red: CliDeps['red']): string =>
  leak === null ? `held  ${id}  ${walls.join(', ')}` : `${red('LEAK')}  ${id}  ${name}: ${leak}`;

/**
 * Attacks the installation, and prints one line for each attack. A signal stops it after its
 * scratch data is removed.
 *
 * @throws OperatorError `precondition_failed` when an attack leaked data
 */
export async function runAttack({ url, json }: Options, apps: Project['apps'], deps: CliDeps): Promise<void> {
  const { print, note, red, progress, stopped } = deps;
  const stop = new AbortController();
  void stopped().then(() => stop.abort());
  let bar: Progress | undefined;
  const ofApps = await attacksOfApps(apps);
  const hooks = {
    signal: stop.signal,
    onLeftOvers: (tenants: number) => note(`Removed ${counted(tenants, 'tenant')} of an interrupted run.`),
    onStart: (total: number) => {
      bar = progress('Attacking', total);
    },
    onVerdict: ({ id }: Verdict) => bar?.step(id),
  };
  const verdicts = await runAttacks(await targetsOf(url, deps), hooks, ofApps).finally(() => bar?.stop());
  if (json) {
    print(JSON.stringify(verdicts));
  } else {
    for (const verdict of verdicts) {
      print(line(verdict, red));
    }
  }
  const leaks = verdicts.filter(({ leak }) => leak !== null);
  if (leaks.length > 0) {
    throw new OperatorError(
      'precondition_failed',
      `${leaks.length} of ${verdicts.length} attacks succeeded: ${leaks.map(({ id }) => id).join(', ')}. Run \`tenants check\` to find the cause.`,
    );
  }
  note(`${counted(verdicts.length, 'attack')}, none succeeded.`);
}
