import { ref } from 'vue';
import { dataOf, site } from './client';
import type { components } from './generated/site';

/** The host of this page, and the user of the session. */
export type HostInfo = components['schemas']['ConsoleHost'];

/** The host of this page. Loaded before the first page is shown, and after each login. */
export const host = ref<HostInfo | null>(null);

/** @throws Failure */
export async function loadHost(): Promise<HostInfo> {
  const loaded = await dataOf(site.GET('/api/console/'));
  host.value = loaded;
  return loaded;
}
