import { appValues, type Config, configNames } from '../../../../config/config.ts';
import type { AppDiagnosis } from '../../../../definition/app-commands.ts';
import type { Project } from '../../../../definition/define-project.ts';
import { DomainError, OperatorError } from '../../../../errors.ts';
import type { CliCommand } from '../../../framework/command.ts';
import { advise } from './advise.ts';
import { mask } from './mask.ts';
import type { Probe } from './probe.ts';

type Options = { json?: true };

/** Probes every configured service, the databases first. */
async function probe(
  project: Project,
  config: Config,
  ofApps: readonly AppDiagnosis[],
): Promise<readonly Probe[]> {
  // Loaded here: no other command needs a mail client, Redis or the checks of the start.
  const [{ probeDatabases }, { probeOthers }] = await Promise.all([
    import('./probe-databases.ts'),
    import('./probe-others.ts'),
  ]);
  return [
    ...(await probeDatabases(project, config)),
    ...(await probeOthers(
      config,
      ofApps.flatMap(({ probes }) => probes),
    )),
  ];
}

const diagnoseApps = ({ apps }: Project, config: Config): Promise<readonly AppDiagnosis[]> =>
  Promise.all(
    apps.map((app) => app.diagnose({ ...appValues(app, config), BASE_DOMAIN: config.BASE_DOMAIN })),
  );

/** Creates the command. The apps of `project` add probes and advice. */
export const doctorCommand = (project: Project): CliCommand<Options> => ({
  name: 'doctor',
  summary:
    'Show the configuration (secrets masked), test connections, and report problems. Exits 1 on problems.',
  audited: false,

  declare: (parser) => parser.option('--json', 'print the result as JSON'),

  async run({ json }, { environment, config, print, red }) {
    const env = await environment();
    const configured = Object.fromEntries(
      configNames(project).flatMap((name) => (env[name] ? [[name, mask(name, env[name])]] : [])),
    );
    // The error is printed below the configuration, not instead of it.
    const read = await config().catch((error: unknown) => {
      if (error instanceof DomainError && error.code === 'configuration_invalid') {
        return error;
      }
      throw error;
    });
    const ofApps = read instanceof DomainError ? [] : await diagnoseApps(project, read);
    const probes = read instanceof DomainError ? [] : await probe(project, read, ofApps);
    const advice =
      read instanceof DomainError
        ? []
        : [...advise(read), ...ofApps.flatMap(({ advice: sentences }) => sentences)];

    if (json) {
      print(
        JSON.stringify({
          configured,
          probes,
          advice,
          ...(read instanceof DomainError ? { fault: read.message } : {}),
        }),
      );
    } else {
      print('Settings that differ from their defaults:');
      const width = Math.max(...Object.keys(configured).map(({ length }) => length));
      for (const [name, value] of Object.entries(configured)) {
        print(`  ${name.padEnd(width)}  ${value}`);
      }
      if (probes.length > 0) {
        print('Reached:');
        const wide = Math.max(...probes.map(({ what }) => what.length));
        for (const { what, ok, found } of probes) {
          print(`  ${ok ? 'ok' : red('no')}  ${what.padEnd(wide)}  ${found}`);
        }
        print('Advice:');
        for (const sentence of advice) {
          print(`  ${sentence}`);
        }
      }
    }
    if (read instanceof DomainError) {
      throw read;
    }
    const wrong = probes.filter(({ ok }) => !ok);
    if (wrong.length > 0) {
      throw new OperatorError(
        'precondition_failed',
        `${wrong.length} of ${probes.length} failed: ${wrong.map(({ what }) => what).join('; ')}.`,
      );
    }
  },
});
