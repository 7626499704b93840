// Rows in memory: scopes with revisions, and what the server remembers besides.

import type { Verdict } from "./rule.ts";

export type Json = null | boolean | number | string | Json[] | Row;
export interface Row { [field: string]: Json | undefined }
export type Outcome = { seq: number; id: string; status: string; code: string | null; detail: Row; rev: number };
interface Scope { rev: number; rows: Map<string, { rev: number; value: Row | null }> }
/** What the rules may know of the mutation that they execute. */
export interface Mutation { id: string; valid_for: number | null }
interface Client { shopper: string; last_seq: number; outcomes: Map<number, { hash: number; outcome: Outcome }> }

/** Whether it is the name of a collection of a shop's own, with its rule. */
export const isOwn = (name: unknown): name is string =>
  typeof name === "string" && /^(last-writer|add-wins|counter|server-decides):[\w-]{1,32}$/.test(name);
export const isCollection = (name: unknown): name is string =>
  ["cart", "history", "catalog", "orders"].includes(name as string) || isOwn(name);

export class Store {
  readonly epoch = 1 + Math.floor(Math.random() * 2 ** 40);
  readonly clients = new Map<string, Client>();
  /** Outcomes by shopper and id: what a client that goes on from another one sends again. */
  readonly byId = new Map<string, { hash: number; outcome: Outcome }>();
  readonly coupons = new Map<string, Row>();
  /** What each product has cost, and until when. */
  readonly prices = new Map<string, { price: Json | undefined; until: number }[]>();
  readonly attempts = new Map<string, { shopper: string; attempt: number; lines: string; code: string; detail: Row }>();
  readonly claims = new Map<string, { shopper: string; verdict: Verdict }>();
  readonly scopes = new Map<string, Scope>();

  /** With what tells whether a token is that of an anonymous shopper. */
  constructor(readonly isSecret: (anonymous: string, token: string) => boolean) {}

  /** All shoppers share the catalog. */
  scope(shopper: string, name: string): Scope {
    const key = name === "catalog" ? name : `${name} ${shopper}`;
    if (!this.scopes.has(key)) this.scopes.set(key, { rev: 0, rows: new Map() });
    return this.scopes.get(key)!;
  }
}

/** The rows of a shopper, for one mutation. */
export class Rows {
  /** Highest revision written. */
  rev = 0;

  constructor(readonly store: Store, readonly shopper: string, readonly now: number, readonly mutation?: Mutation) {}

  get<T extends Row = Row>(name: string, key: string): T | undefined {
    return (this.store.scope(this.shopper, name).rows.get(key)?.value ?? undefined) as T | undefined;
  }

  /** Writes a row, or deletes it. */
  put(name: string, key: string, value: Row | null): void {
    const scope = this.store.scope(this.shopper, name);
    scope.rows.set(key, { rev: ++scope.rev, value });
    // The catalog's revisions are not the shopper's.
    if (name !== "catalog") this.rev = Math.max(this.rev, scope.rev);
  }

  all<T extends Row = Row>(name: string): [string, T][] {
    const rows = this.store.scope(this.shopper, name).rows;
    return [...rows].flatMap(([key, { value }]) => (value ? [[key, value as T] as [string, T]] : []));
  }
}
