import { startService } from '../../src/server/start-service.ts';
import { servedProject } from './served-project.ts';

await startService(servedProject);
