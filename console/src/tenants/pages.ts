import type { ConsolePage } from '../router/pages';

export const pages: readonly ConsolePage[] = [
  {
    name: 'tenants',
    kind: 'site',
    path: '/tenants',
    title: 'Tenants',
    component: () => import('./TenantsPage.vue'),
    navigation: { order: 2 },
  },
  {
    name: 'create-tenant',
    kind: 'site',
    path: '/create-tenant',
    title: 'Create tenant',
    component: () => import('./CreateTenantPage.vue'),
  },
  {
    name: 'tenant',
    kind: 'site',
    path: '/tenants/:schema',
    title: 'Tenant',
    component: () => import('./TenantPage.vue'),
  },
];
