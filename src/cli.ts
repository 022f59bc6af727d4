import { project } from './project.ts';
import { runCommandLine } from './run-command-line.ts';

await runCommandLine(project);
