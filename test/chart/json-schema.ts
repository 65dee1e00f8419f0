/** JSON Schema (draft-07) in as few words as it takes. Every object refuses keys that it does not name. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema | boolean>>;
  readonly [keyword: string]: unknown;
}

export const boolean: JsonSchema = { type: 'boolean' };
export const string: JsonSchema = { type: 'string' };

export const text = (pattern: string, more: JsonSchema = {}): JsonSchema => ({ type: 'string', pattern, ...more });

export const oneOf = (...values: readonly string[]): JsonSchema => ({ type: 'string', enum: values });

export const integer = (least: number, most: number = 2 ** 31 - 1): JsonSchema => ({
  type: 'integer',
  minimum: least,
  maximum: most,
});

export const list = (items: JsonSchema, more: JsonSchema = {}): JsonSchema => ({ type: 'array', items, ...more });

/** Labels, annotations and the like: any key, but each value a string (YAML's `true` and `1` are not). */
export const strings: JsonSchema = { type: 'object', additionalProperties: string };

export const object = (
  properties: Readonly<Record<string, JsonSchema>>,
  ...required: readonly string[]
): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  ...(required.length === 0 ? {} : { required }),
});

/** The same with null, which helm takes for "remove the default". */
export const orNull = (schema: JsonSchema): JsonSchema => ({ ...schema, type: [schema.type ?? [], 'null'].flat() });
