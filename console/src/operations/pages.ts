import type { ConsolePage } from '../router/pages';

export const pages: readonly ConsolePage[] = [
  {
    name: 'operations',
    kind: 'site',
    path: '/operations',
    title: 'Operations',
    component: () => import('./OperationsPage.vue'),
    navigation: { order: 3 },
  },
  {
    name: 'operation',
    kind: 'site',
    path: '/operations/:id',
    title: 'Operation',
    component: () => import('./OperationPage.vue'),
  },
];
