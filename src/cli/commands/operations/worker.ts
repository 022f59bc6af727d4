import { actFor } from '../../../db/admin/actor.ts';
import type { Project } from '../../../definition/define-project.ts';
import { OperatorError } from '../../../errors.ts';
import type { JobRun } from '../../../tenancy/fleet/worker.ts';
import type { CliCommand } from '../../framework/command.ts';

type Options = { once?: true; json?: true };

/** The actor of jobs in the audit. Operations name the operator that requested them. */
const WORKER = { actor: 'worker', source: 'worker', address: null, operation: null } as const;

const lineOf = ({ job, did, error }: JobRun): string =>
  `${job}  ${error ? `failed: ${error}` : (did ?? 'nothing to do')}`;

export const workerCommand = (project: Project): CliCommand<Options> => ({
  name: 'worker',
  summary: 'Run background jobs, such as creating SPARE_TENANTS spare tenants, until stopped.',
  audited: false,

  declare: (parser) =>
    parser
      .option('--once', 'run every job once and exit')
      .option('--json', 'print a line of JSON for each job; with --once, one document'),

  async run({ once, json }, { config, ownerUrl, print, note, stopped }) {
    const [{ runJobsOnce, runWorker }, { workerJobs }] = await Promise.all([
      import('../../../tenancy/fleet/worker.ts'),
      import('./worker-jobs.ts'),
    ]);
    const jobs = await workerJobs(project, await config(), await ownerUrl());
    const ending = new AbortController();
    void stopped().then(() => ending.abort());

    if (once) {
      const runs = await actFor(WORKER, () => runJobsOnce(jobs, ending.signal));
      if (json) {
        print(JSON.stringify(runs));
      } else {
        for (const run of runs) {
          print(lineOf(run));
        }
      }
      const failed = runs.filter(({ error }) => error !== null).map(({ job }) => job);
      if (failed.length > 0) {
        throw new OperatorError('precondition_failed', `Failed jobs: ${failed.join(', ')}.`);
      }
      return;
    }
    note(`Running: ${jobs.map(({ name }) => name).join(', ')}. Stop with SIGTERM or Ctrl-C.`);
    await actFor(WORKER, () =>
      runWorker(jobs, ending.signal, (run) => {
        if (run.did !== null || run.error !== null) {
          print(json ? JSON.stringify(run) : lineOf(run));
        }
      }),
    );
    note('Ended.');
  },
});
