import { type Context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

import type { Round } from '../db/driver/entry.ts';
import { firstWord } from '../db/driver/statement.ts';
import type { RequestLine, RequestTrace, StartTrace } from '../http/request-trace.ts';

export type Tracing = Readonly<{ start: StartTrace; close: () => Promise<void> }>;

/** Milliseconds for one export to the collector, and for the last one at shutdown. */
const EXPORT_TIMEOUT_MS = 1_000;

const propagator = new W3CTraceContextPropagator();
const headerOf = {
  get: (headers: Readonly<Record<string, string>>, name: string) => headers[name] || undefined,
  keys: (headers: Readonly<Record<string, string>>) => Object.keys(headers),
};

const failIf = (span: Span, failed: boolean): void => {
  if (failed) {
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
};

function describe(span: Span, line: RequestLine): void {
  span.updateName(line.route ? `${line.method} ${line.route}` : line.method);
  span.setAttributes({
    'http.request.method': line.method,
    'http.response.status_code': line.status,
    ...(line.route ? { 'http.route': line.route } : {}),
    ...(line.tenant ? { 'koa_tenants.tenant': line.tenant } : {}),
    ...(line.schema ? { 'koa_tenants.schema': line.schema } : {}),
    ...(line.lane ? { 'koa_tenants.lane': line.lane } : {}),
    'koa_tenants.request_id': line.requestId,
  });
  failIf(span, line.status >= 500);
}

/**
 * Sends spans of each request, its transactions and their statements to an OpenTelemetry
 * collector: with placeholders, never with values. Continues the trace of a request's
 * `traceparent`.
 *
 * Nothing is registered globally: spans are passed with the request.
 */
export function openTracing({ endpoint, service }: { endpoint: string; service: string }): Tracing {
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/$/, '')}/v1/traces`,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [new BatchSpanProcessor({ exporter, exportTimeoutMillis: EXPORT_TIMEOUT_MS })],
  });
  const tracer = provider.getTracer('koa-tenants');

  const start: StartTrace = (headers): RequestTrace => {
    const parent = propagator.extract(ROOT_CONTEXT, headers, headerOf);
    const request = tracer.startSpan('request', { kind: SpanKind.SERVER }, parent);
    const inside = trace.setSpan(ROOT_CONTEXT, request);
    const { traceId, spanId, traceFlags } = request.spanContext();
    let transaction: Context = inside;
    return {
      traceId,
      traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
      onTransaction: () => {
        const span = tracer.startSpan('tenant transaction', { kind: SpanKind.INTERNAL }, inside);
        transaction = trace.setSpan(ROOT_CONTEXT, span);
        return (failed) => {
          failIf(span, failed);
          span.end();
          transaction = inside;
        };
      },
      onRound: ({ text, started, ended, failed }: Round) => {
        if (text === null) {
          return;
        }
        const attributes = { 'db.system.name': 'postgresql', 'db.query.text': text };
        const options = { kind: SpanKind.CLIENT, startTime: started, attributes };
        const span = tracer.startSpan(firstWord(text), options, transaction);
        failIf(span, failed);
        span.end(ended);
      },
      end: (line) => {
        describe(request, line);
        request.end();
      },
    };
  };

  return {
    start,
    close: async () => {
      const tooLong = Promise.withResolvers<void>();
      const timer = setTimeout(tooLong.resolve, EXPORT_TIMEOUT_MS);
      await Promise.race([provider.shutdown().catch(() => {}), tooLong.promise]);
      clearTimeout(timer);
    },
  };
}
