import type { components } from '../api/generated/site';
import type { JsonSchema } from '../schema-form/schema';

type Schemas = components['schemas'];

export type Operation = Schemas['Operation'];
export type OperationStatus = Operation['status'];
/** A kind of operation. `arguments` is a JSON Schema. */
export type OperationKind = Omit<Schemas['OperationKind'], 'arguments'> & { arguments: JsonSchema };
