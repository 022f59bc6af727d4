import type { ConsolePage } from '../router/pages';

export const pages: readonly ConsolePage[] = [
  {
    name: 'dashboard',
    kind: 'site',
    path: '/',
    title: 'Dashboard',
    component: () => import('./DashboardPage.vue'),
    navigation: { order: 1 },
  },
];
