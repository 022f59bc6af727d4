import type { ConsolePage } from '../router/pages';

export const pages: readonly ConsolePage[] = [
  {
    name: 'audit',
    kind: 'site',
    path: '/audit',
    title: 'Audit',
    component: () => import('./AuditPage.vue'),
    navigation: { order: 6 },
  },
];
