import { runCommandLine } from '../../../src/run-command-line.ts';
import { project } from './project.ts';

await runCommandLine(project);
