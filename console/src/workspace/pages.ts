import type { ConsolePage } from '../router/pages';

export const pages: readonly ConsolePage[] = [
  {
    name: 'workspace',
    kind: 'tenant',
    path: '/',
    title: 'Overview',
    component: () => import('./OverviewPage.vue'),
    navigation: { order: 1 },
  },
  {
    name: 'plan',
    kind: 'tenant',
    path: '/plan',
    title: 'Plan',
    component: () => import('./PlanPage.vue'),
    navigation: { order: 20 },
  },
  {
    name: 'own-domains',
    kind: 'tenant',
    path: '/domains',
    title: 'Domains',
    component: () => import('./DomainsPage.vue'),
    navigation: { order: 21 },
  },
  {
    name: 'own-settings',
    kind: 'tenant',
    path: '/settings',
    title: 'Settings',
    component: () => import('./SettingsPage.vue'),
    navigation: { order: 22 },
  },
  {
    name: 'own-audit',
    kind: 'tenant',
    path: '/audit',
    title: 'Audit',
    component: () => import('./AuditPage.vue'),
    navigation: { order: 23 },
  },
];
