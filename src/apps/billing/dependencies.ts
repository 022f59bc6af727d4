import type { RouteDependencies } from '../../definition/dependencies.ts';
import type { environment } from './settings.ts';

export type BillingDependencies = RouteDependencies<Record<never, never>, typeof environment>;
