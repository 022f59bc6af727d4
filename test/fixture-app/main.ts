import { startService } from '../../src/server/start-service.ts';
import { fixtureProject } from './project.ts';

await startService(fixtureProject);
