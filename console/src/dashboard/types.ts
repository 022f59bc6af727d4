import type { paths } from '../api/generated/site';

export type Fleet = paths['/api/fleet/']['get']['responses'][200]['content']['application/json'];
