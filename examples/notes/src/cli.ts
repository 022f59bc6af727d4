import { runCommandLine } from 'koa-tenants';
import { project } from './project.ts';

await runCommandLine(project);
