import { ApiError } from '../../errors.ts';
import { lazyModule } from '../../lazy-modules.ts';
import { FILE, FormBody } from './form-body.ts';

/** Maximum fields of a form, as in Django. */
const MAX_FIELDS = 1_000;
/** Maximum bytes of a field's name. */
const MAX_NAME = 200;
/** Maximum header lines of one part. */
const MAX_HEADERS = 20;

const fault = (reason: string): ApiError => new ApiError('parse_error', `Form parse error - ${reason}`);

/** Few clients send a multipart form. */
const loadBusboy = lazyModule(() => import('@fastify/busboy'));

const tooMany = (): ApiError => fault(`more than ${MAX_FIELDS} fields`);

/** @throws ApiError `parse_error` for more than 1,000 fields */
export function parseUrlEncoded(text: string): FormBody {
  let left = MAX_FIELDS;
  for (let at = text.indexOf('&'); at !== -1; at = text.indexOf('&', at + 1)) {
    left -= 1;
    if (left < 1) {
      throw tooMany();
    }
  }
  return new FormBody(new Map(new URLSearchParams(text)));
}

/**
 * Parses a multipart form. The content of files is discarded: no field accepts a file.
 *
 * @throws ApiError `parse_error` for a malformed form, and for one above the limits
 */
export async function parseMultipart(contentType: string, bytes: Buffer): Promise<FormBody> {
  const fields = new Map<string, unknown>();
  const { promise, resolve, reject } = Promise.withResolvers<FormBody>();
  const { Busboy } = await loadBusboy();
  try {
    const parser = new Busboy({
      headers: { 'content-type': contentType },
      limits: {
        fieldNameSize: MAX_NAME,
        fieldSize: bytes.length,
        fields: MAX_FIELDS,
        files: MAX_FIELDS,
        parts: MAX_FIELDS,
        headerPairs: MAX_HEADERS,
      },
    });
    for (const limit of ['fieldsLimit', 'filesLimit', 'partsLimit'] as const) {
      parser.on(limit, () => reject(tooMany()));
    }
    parser.on('field', (name, value, isNameTruncated) => {
      if (isNameTruncated) {
        reject(fault(`a name of more than ${MAX_NAME} bytes`));
      }
      fields.set(name, value);
    });
    parser.on('file', (name, file) => {
      file.resume();
      fields.set(name, FILE);
    });
    parser.on('error', (error) => reject(fault(String((error as Error).message).slice(0, 100))));
    parser.on('finish', () => resolve(new FormBody(fields)));
    parser.end(bytes);
  } catch (error) {
    throw fault((error as Error).message.slice(0, 100));
  }
  return promise;
}
