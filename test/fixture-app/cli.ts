import { runCommandLine } from '../../src/run-command-line.ts';
import { fixtureProject } from './project.ts';

await runCommandLine(fixtureProject);
