import type { components } from '../api/generated/site';

export type Fleet = components['schemas']['Fleet'];
