import { startService } from '../../../src/server/start-service.ts';
import { project } from './project.ts';

await startService(project);
