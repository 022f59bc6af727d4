import type { HostInfo } from '../api/host';
import { formatName } from '../components/format';
import type { ConsolePage, NavigationItem } from '../router/pages';
import { loadModels } from './requests';

export const pages: readonly ConsolePage[] = [
  {
    name: 'rows',
    kind: 'tenant',
    path: '/models/:model',
    title: 'Rows',
    component: () => import('./RowsPage.vue'),
  },
  {
    name: 'new-row',
    kind: 'tenant',
    path: '/models/:model/new',
    title: 'Add',
    component: () => import('./NewRowPage.vue'),
  },
  {
    name: 'row',
    kind: 'tenant',
    path: '/models/:model/rows/:id',
    title: 'Row',
    component: () => import('./RowPage.vue'),
  },
];

/** Returns a link for each model that is not hidden, in a group of its app. */
export async function loadNavigation(host: HostInfo): Promise<readonly NavigationItem[]> {
  if (host.kind !== 'tenant' || !host.user?.is_staff) {
    return [];
  }
  return (await loadModels())
    .filter(({ hidden }) => !hidden)
    .map(({ model, app, name_plural: name }) => ({
      label: formatName(name),
      to: `/models/${model}`,
      group: formatName(app),
      order: 50,
    }));
}
