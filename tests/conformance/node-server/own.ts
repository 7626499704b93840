// Rows of collections of the shop's own, by the rule that the name begins with.

import { isOwn, type Row } from "./store.ts";
import { applied, kind, noop, object, optional, rejected, rule, text, wrong, type Kinds, type Rule } from "./rule.ts";

const OWN_ROW_BYTES_MAX = 65536;
const PLACE = { collection: kind<string>("a name with its rule", isOwn), key: text };
const ROW = object(OWN_ROW_BYTES_MAX);

interface Write { merge: string; before: Row | undefined; args: { row?: Row; by?: Row; seen?: number }; id: string }

/** A rule for a row: the one that takes its place, null for none, or why nothing is to be done. */
const own = (kinds: Kinds, next: (write: Write) => Row | null | string): Rule =>
  rule({ ...PLACE, ...kinds } as typeof PLACE & Kinds, ({ collection, key, ...args }, rows) => {
    const [merge, detail] = [collection.split(":")[0]!, { collection, key }];
    const row = next({ merge, before: rows.get(collection, key), args, id: rows.mutation!.id });
    if (typeof row === "string") return noop(row, detail);
    if (merge === "server-decides") return rejected("refused", { why: "nobody decides" });
    rows.put(collection, key, row);
    return applied(detail);
  });

/** The first eight bytes of an id, little-endian, modulo 2^53. */
const tagOf = (id: string): number => Number(Buffer.from(id, "hex").readBigUInt64LE() & (2n ** 53n - 1n));

export const RULES = {
  "row.put": own({ row: ROW }, ({ merge, args, id }) =>
    merge === "add-wins" ? { ...args.row, $tag: tagOf(id) } : args.row!),
  "row.delete": own({ seen: optional(kind("", () => true), undefined) }, ({ merge, before, args }) => {
    if (!before) return "row_gone";
    return merge === "add-wins" && before.$tag !== args.seen ? "added_elsewhere" : null;
  }),
  "row.add": own({ row: ROW, by: ROW }, ({ merge, before, args }) => {
    if (merge !== "counter") throw wrong("collection", "is no counter");
    const row = { ...(before ?? args.row) };
    for (const [field, by] of Object.entries(args.by!)) row[field] = ((row[field] ?? 0) as number) + (by as number);
    const all = [...Object.values(args.by!), ...Object.keys(args.by!).map((field) => row[field])];
    if (!all.every(Number.isSafeInteger)) throw wrong("by", "adds what is no whole number");
    return row;
  }),
};
