import type { Tracing } from './tracing.ts';

type Wanted = Omit<Tracing, 'start'> & Readonly<{ start: Tracing['start'] | null }>;

/** Opens tracing when OTEL_EXPORTER_OTLP_ENDPOINT is set. Otherwise no library is loaded. */
export async function openOptionalTracing({
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  OTEL_SERVICE_NAME: service,
}: {
  OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  OTEL_SERVICE_NAME: string;
}): Promise<Wanted> {
  if (endpoint === undefined) {
    return { start: null, close: async () => {} };
  }
  const { openTracing } = await import('./tracing.ts');
  return openTracing({ endpoint, service });
}
