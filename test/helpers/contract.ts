import ajv2020 from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

import { type Answer, sendRequest } from '../../src/testing/test-client.ts';

/** The path of the document. Requests for it are not part of a test. */
export const DOCUMENT = '/api/openapi.json';

/** Whether the responses of a test file are compared: those of the tests of HTTP and of the apps. */
export const isCompared = (): boolean => /\/test\/(?:http|apps)\//.test(process.env.TEST_FILE ?? '');

type Response = Readonly<{
  $ref?: string;
  headers?: Readonly<Record<string, Readonly<{ $ref?: string; required?: boolean }>>>;
  content?: Readonly<Record<string, unknown>>;
}>;
type Operation = Readonly<{ responses: Readonly<Record<string, Response>> }>;
type ApiDocument = Readonly<{
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  components: Readonly<{
    responses: Readonly<Record<string, Response>>;
    headers: Readonly<Record<string, Readonly<{ required?: boolean }>>>;
  }>;
}>;

/** A document, with functions that are compiled when they are first used. */
type Contract = Readonly<{
  document: ApiDocument;
  /** Returns the pattern, or undefined when no path of the document matches. */
  pathOf: (path: string) => string | undefined;
  /** Returns the faults of a body. `pointer` is that of its schema in the document. */
  faultsOf: (pointer: string, body: unknown) => string | null;
}>;

export type Exchange = Readonly<{
  port: number;
  host: string;
  method: string;
  path: string;
  answer: Answer;
}>;

const Ajv = ajv2020.default ?? ajv2020;
let ajv: InstanceType<typeof Ajv> | undefined;

const escaped = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1');

function createContract(etag: string, document: ApiDocument): Contract {
  // A document is no schema: comparing it with the one of JSON Schema would only take time.
  ajv ??= (formats.default ?? formats)(
    new Ajv({ strict: false, allErrors: true, meta: false, validateSchema: false }),
  );
  const name = `document:${etag.replaceAll('"', '')}`;
  ajv.addSchema(document, name);
  const patterns = Object.keys(document.paths)
    .map((path) => ({ path, pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`) }))
    // A path without parameters precedes one with parameters.
    .sort((one, other) => one.path.split('{').length - other.path.split('{').length);
  return {
    document,
    pathOf: (path) => patterns.find(({ pattern }) => pattern.test(path))?.path,
    faultsOf: (pointer, body) => {
      const validate = ajv?.getSchema(`${name}#${pointer}`);
      if (!validate) {
        return `no schema ${pointer}`;
      }
      return validate(body) ? null : (ajv?.errorsText(validate.errors, { dataVar: 'body' }) ?? '');
    },
  };
}

/** By ETag: tenants with equal settings have the same document, and test files share a process. */
const contracts = new Map<string, Contract>();
/** By port and host. */
const known = new Map<string, Contract | null>();

async function loadContract(port: number, host: string): Promise<Contract | null> {
  const { status, headers, body } = await sendRequest(port, host, 'GET', DOCUMENT);
  const etag = String(headers.etag);
  const contract = status === 200 ? (contracts.get(etag) ?? createContract(etag, body as ApiDocument)) : null;
  if (contract) {
    contracts.set(etag, contract);
  }
  known.set(`${port} ${host}`, contract);
  return contract;
}

const lastOf = (reference: string): string => reference.split('/').at(-1) ?? '';

function headerFaults(contract: Contract, { headers = {} }: Response, answer: Answer): string[] {
  const { components } = contract.document;
  return Object.entries(headers)
    .filter(
      ([name, header]) =>
        (header.$ref ? components.headers[lastOf(header.$ref)] : header)?.required === true &&
        answer.headers[name.toLowerCase()] === undefined,
    )
    .map(([name]) => `the header ${name} is missing`);
}

/** Returns what of a response is not in the document, or null. */
function faultOf(contract: Contract, { method, path, answer }: Exchange): string | null {
  const { status } = answer;
  const pathname = (path.split('?')[0] ?? '').replace(/\/*$/, '/');
  const template = contract.pathOf(pathname);
  const operation =
    contract.document.paths[template ?? '']?.[method === 'HEAD' ? 'get' : method.toLowerCase()];
  if (status === 308 || method === 'OPTIONS') {
    return null;
  }
  if (!operation) {
    return status >= 400 ? null : `${method} ${template ?? pathname} is not in the document`;
  }
  const range = `${String(status)[0]}XX`;
  const key = String(status) in operation.responses ? String(status) : range;
  const found = operation.responses[key];
  if (!found) {
    return `the status ${status} is not in the document`;
  }
  const [response, pointer] = found.$ref
    ? [contract.document.components.responses[lastOf(found.$ref)] ?? {}, found.$ref.slice(1)]
    : [
        found,
        `/paths/${escaped(template ?? '')}/${method === 'HEAD' ? 'get' : method.toLowerCase()}/responses/${key}`,
      ];
  const faults = headerFaults(contract, response, answer);
  const type = String(answer.headers['content-type'] ?? '').split(';')[0] ?? '';
  if (method !== 'HEAD' && answer.text !== '') {
    if (!response.content || !(type in response.content)) {
      faults.push(`the media type ${type} is not in the document`);
    } else if (type === 'application/json') {
      const fault = contract.faultsOf(`${pointer}/content/${escaped(type)}/schema`, answer.body);
      faults.push(...(fault === null ? [] : [fault]));
    }
  }
  return faults.length > 0 ? faults.join('; ') : null;
}

/**
 * Checks a response of the API against the document of its host. The document is read once, and again if the settings of
 * the tenant have changed it.
 *
 * @throws Error naming the request, the response and the fault
 */
export async function assertDescribed(exchange: Exchange): Promise<void> {
  const { port, host, method, path, answer } = exchange;
  const isPage = String(answer.headers['content-type']).startsWith('text/html');
  if (!path.startsWith('/api/') || /^\/api\/(?:openapi\.json|docs)/.test(path) || isPage) {
    return;
  }
  const key = `${port} ${host}`;
  const contract = known.get(key) ?? (await loadContract(port, host));
  if (contract && faultOf(contract, exchange)) {
    const current = await loadContract(port, host);
    const fault = current && faultOf(current, exchange);
    if (fault) {
      throw new Error(
        `${method} ${path} at ${host} returned ${answer.status} ${answer.text.slice(0, 300)}, which is outside its OpenAPI document: ${fault}`,
      );
    }
  }
}
