import { runCommandLine } from '../../src/run-command-line.ts';
import { servedProject } from './served-project.ts';

await runCommandLine(servedProject);
