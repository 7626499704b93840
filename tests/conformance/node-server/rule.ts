// What a rule is made of: the kinds of its arguments, and its verdicts.

import type { Json, Row, Rows } from "./store.ts";

export interface Verdict { status: "applied" | "adjusted" | "noop" | "rejected"; code: string | null; detail: Row }

export const applied = (detail: Row = {}): Verdict => ({ status: "applied", code: null, detail });
export const adjusted = (code: string, detail: Row = {}): Verdict => ({ status: "adjusted", code, detail });
export const noop = (code: string, detail: Row = {}): Verdict => ({ status: "noop", code, detail });
export const rejected = (code: string, detail: Row = {}): Verdict => ({ status: "rejected", code, detail });

/** Why a request or a mutation is refused, and with what status a request is. */
export class Refused extends Error {
  constructor(readonly code: string, readonly fields: Row = {}, readonly status = 409) {
    super(`${code} ${JSON.stringify(fields)}`);
  }
}
export const wrong = (field: string, why: string): Refused => new Refused("bad_args", { field, why });

/** What a field may hold. */
export interface Kind<T> { why: string; is(value: unknown): value is T; missing?: T }
export type Kinds = Record<string, Kind<unknown>>;
export type Values<K extends Kinds> = { [F in keyof K]: K[F] extends Kind<infer T> ? T : never };

export const kind = <T>(why: string, is: (value: unknown) => boolean): Kind<T> =>
  ({ why: `is not ${why}`, is: is as Kind<T>["is"] });
/** A field that may be missing or null, and then is `missing`. */
export const optional = <T, M>(of: Kind<T>, missing: M) => ({ ...of, missing }) as Kind<T | M>;

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

export const string = kind<string>("a string", (value) => typeof value === "string");
export const text = kind<string>("a string of 1 to 400 bytes", (value) =>
  string.is(value) && value !== "" && Buffer.byteLength(value) <= 400);
export const boolean = kind<boolean>("a boolean", (value) => typeof value === "boolean");
export const from = (least: number): Kind<number> =>
  kind(`an integer from ${least} on`, (value) => Number.isSafeInteger(value) && (value as number) >= least);
export const count = from(0);
export const object = (bytes = Infinity): Kind<Row> =>
  kind(`an object of at most ${bytes} bytes`, (value) => isObject(value) && JSON.stringify(value).length <= bytes);
export const list = (most = Infinity): Kind<Row[]> => kind(`a list of at most ${most} objects`, (value) =>
  Array.isArray(value) && value.length <= most && value.every(isObject));

/** Reads the fields of an object, in this order; others are ignored. */
export function fields<K extends Kinds>(row: Row, kinds: K): Values<K> {
  const read = Object.entries(kinds).map(([field, { why, is, ...rest }]) => {
    const value = row[field] ?? null;
    if (value === null && "missing" in rest) return [field, rest.missing];
    if (is(value)) return [field, value];
    throw wrong(field, why);
  });
  return Object.fromEntries(read) as Values<K>;
}

/** Executes a mutation. A rejected one has written nothing. */
export type Rule = (args: Json, rows: Rows) => Verdict;

export const rule = <K extends Kinds>(kinds: K, run: (args: Values<K>, rows: Rows) => Verdict): Rule =>
  (args, rows) => run(fields(isObject(args) ? (args as Row) : {}, kinds), rows);
