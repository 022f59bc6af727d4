/**
 * Returns a URL for PostgreSQL's own programs and servers: without `uselibpqcompat`, which only pg
 * supports.
 */
export function libpqUrl(url: string): string {
  const changed = new URL(url);
  changed.searchParams.delete('uselibpqcompat');
  return changed.href;
}
