// Rows in memory: scopes with revisions, and transactions that are undone by a throw.

import type { Verdict } from "./rules.ts";

export type Json = null | boolean | number | string | Json[] | Row;
export interface Row { [field: string]: Json }
export type Collection = string;
const COLLECTIONS = ["cart", "history", "catalog", "orders"];
/** Whether it is the name of a collection of a shop's own, with its rule. */
export const isOwn = (name: string): boolean =>
  /^(last-writer|add-wins|counter|server-decides):[\w-]{1,32}$/.test(name);
export const isCollection = (name: Json | undefined): name is Collection =>
  typeof name === "string" && (COLLECTIONS.includes(name) || isOwn(name));

interface Stored { rev: number; value: Row | null }
interface Scope { rev: number; rows: Map<string, Stored> }
export interface Outcome { seq: number; id: string; status: string; code: string | null; detail: Row; rev: number }
interface Client { shopper: string; last_seq: number; outcomes: Map<number, { hash: number; outcome: Outcome }> }

export class Store {
  /** Whether a token is that of an anonymous shopper. */
  constructor(readonly isSecret: (anonymous: string, token: string) => boolean) {}

  readonly epoch = 1 + Math.floor(Math.random() * 2 ** 40);
  readonly clients = new Map<string, Client>();
  /// Outcomes by shopper and id: what a client that goes on from another one sends again.
  readonly byId = new Map<string, { hash: number; outcome: Outcome }>();
  readonly coupons = new Map<string, Row>();
  readonly prices = new Map<string, { price: number; until: number }[]>();
  readonly attempts = new Map<string, { shopper: string; attempt: number; lines: string; code: string; detail: Row }>();
  readonly claims = new Map<string, { shopper: string; verdict: Verdict }>();
  private readonly scopes = new Map<string, Scope>();

  scope(shopper: string, name: Collection): Scope {
    // All shoppers share the catalog.
    const key = name === "catalog" ? name : `${name} ${shopper}`;
    let scope = this.scopes.get(key);
    if (!scope) this.scopes.set(key, (scope = { rev: 0, rows: new Map() }));
    return scope;
  }

  /** The collections of a shopper whose rows go with an erasure. */
  written(shopper: string): Collection[] {
    const names = [...this.scopes.keys()].map((key) => key.split(" ")[0]!);
    return names.filter((name) => name !== "orders" && this.scopes.has(`${name} ${shopper}`));
  }
}

/** The rows of a shopper, for one mutation. */
export class Rows {
  /** Highest revision written. */
  rev = 0;

  constructor(
    readonly store: Store, readonly shopper: string, readonly now: number,
    readonly id = "", readonly validFor: number | null = null,
  ) {}

  get(name: Collection, key: string): Row | undefined {
    return this.store.scope(this.shopper, name).rows.get(key)?.value ?? undefined;
  }

  /** Writes a row, or deletes it. */
  put(name: Collection, key: string, value: Row | null): void {
    const scope = this.store.scope(this.shopper, name);
    scope.rows.set(key, { rev: ++scope.rev, value });
    // The catalog's revisions are not the shopper's.
    if (name !== "catalog") this.rev = Math.max(this.rev, scope.rev);
  }

  all(name: Collection): [string, Row][] {
    const rows = this.store.scope(this.shopper, name).rows;
    return [...rows].flatMap(([key, { value }]) => (value ? [[key, value] as [string, Row]] : []));
  }
}
