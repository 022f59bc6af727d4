/**
 * A URL as PostgreSQL's own programs and servers read it: `uselibpqcompat`, which
 * asks pg for the meaning that the rest of the URL has to them, they do not know.
 */
export function libpqUrl(url: string): string {
  const changed = new URL(url);
  changed.searchParams.delete('uselibpqcompat');
  return changed.href;
}
