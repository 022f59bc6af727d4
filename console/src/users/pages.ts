import type { ConsolePage } from '../router/pages';

export const pages: readonly ConsolePage[] = [
  {
    name: 'users',
    kind: 'tenant',
    path: '/users',
    title: 'Users',
    component: () => import('./UsersPage.vue'),
    navigation: { order: 10 },
  },
  {
    name: 'new-user',
    kind: 'tenant',
    path: '/users/new',
    title: 'Add user',
    component: () => import('./NewUserPage.vue'),
  },
  {
    name: 'user',
    kind: 'tenant',
    path: '/users/:id',
    title: 'User',
    component: () => import('./UserPage.vue'),
  },
  {
    name: 'sessions',
    kind: 'tenant',
    path: '/sessions',
    title: 'Your sessions',
    component: () => import('./SessionsPage.vue'),
    navigation: { order: 90 },
  },
];
