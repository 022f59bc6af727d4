import { startService } from 'koa-tenants';
import { project } from './project.ts';

await startService(project);
