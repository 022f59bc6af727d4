import { ref } from 'vue';
import { dataOf, site } from './client';

/** What `/api/console/` returns: the host of this page, and the user of the session. */
export type HostInfo = Readonly<{
  kind: 'site' | 'tenant';
  name: string;
  base_domain: string;
  user: Readonly<{ id: string | number; username: string; is_staff: boolean; is_superuser: boolean }> | null;
  version: string;
}>;

/** The host of this page. Loaded before the first page is shown, and after each login. */
export const host = ref<HostInfo | null>(null);

/** @throws Failure */
export async function loadHost(): Promise<HostInfo> {
  const loaded = (await dataOf(site.GET('/api/console/'))) as HostInfo;
  host.value = loaded;
  return loaded;
}
