// What a shopper has looked at, and what is to be forgotten.

import { isOwn, type Rows } from "./store.ts";
import { applied, count, noop, optional, rule, text, wrong } from "./rule.ts";

const HISTORY_VISITS_MAX = 1000;
const HISTORY_CUTS_MAX = 200;
const HISTORY_AGE_MS_MAX = 90 * 24 * 3600 * 1000;
const CUT = "cut:";

type Visit = { sku?: string; at?: number; dwell?: number; cut?: number };

const cutOf = (rows: Rows, sku: string): number => rows.get<Visit>("history", CUT + sku)?.cut ?? 0;

function dropOldest(rows: Rows, field: "at" | "cut", most: number): void {
  const all = rows.all<Visit>("history").filter(([, row]) => row[field] !== undefined);
  all.sort(([, a], [, b]) => a[field]! - b[field]!);
  for (const [key] of all.slice(0, Math.max(0, all.length - most))) rows.put("history", key, null);
}

export const RULES = {
  "history.visit": rule({ eventId: text, sku: text, at: count, dwell: optional(count, 0) },
    ({ eventId, sku, dwell, ...args }, rows) => {
      if (eventId.startsWith(CUT)) throw wrong("eventId", "begins with cut:");
      const at = Math.min(args.at, rows.now);
      if (at < rows.now - HISTORY_AGE_MS_MAX) return noop("too_old", { sku });
      if (rows.get("history", eventId)) return noop("duplicate", { sku });
      if (at <= Math.max(cutOf(rows, ""), cutOf(rows, sku))) return noop("deleted", { sku });
      rows.put("history", eventId, { sku, at, dwell });
      dropOldest(rows, "at", HISTORY_VISITS_MAX);
      return applied({ sku });
    }),
  "history.delete": rule({ until: count, sku: optional(text, undefined) }, ({ sku, until }, rows) => {
    const cut = Math.min(until, rows.now);
    if (cut <= cutOf(rows, sku ?? "")) return noop("deleted", { sku });
    for (const [key, visit] of rows.all<Visit>("history")) {
      if (visit.at !== undefined && visit.at <= cut && (sku ?? visit.sku) === visit.sku) rows.put("history", key, null);
    }
    rows.put("history", CUT + (sku ?? ""), { cut, sku });
    dropOldest(rows, "cut", HISTORY_CUTS_MAX);
    return applied({ sku });
  }),
  "shopper.erase": rule({}, (_, rows) => {
    const names = [...rows.store.scopes.keys()].map((scope) => scope.split(" ")[0]!);
    for (const name of names.filter((name) => isOwn(name) || name === "cart" || name === "history")) {
      for (const [key] of rows.all(name)) rows.put(name, key, null);
    }
    rows.put("history", CUT, { cut: rows.now });
    return applied();
  }),
};
