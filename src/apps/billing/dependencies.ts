import type { RouteDependencies } from '../../definition/define-app.ts';
import type { environment } from './settings.ts';

export type BillingDependencies = RouteDependencies<Record<never, never>, typeof environment>;
