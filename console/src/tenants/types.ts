import type { components } from '../api/generated/site';

type Schemas = components['schemas'];

export type TenantItem = Schemas['OperatedTenant'];
export type TenantDetail = Schemas['OperatedTenantDetail'];
export type Member = Schemas['OperatedMember'];

export const TENANT_STATUSES = ['active', 'suspended', 'maintenance', 'moving', 'deleted'] as const;
