import { project } from './project.ts';
import { startService } from './server/start-service.ts';

await startService(project);
