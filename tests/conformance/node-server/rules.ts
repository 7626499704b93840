// Every mutation by its name, and how one is executed.

import type { Json, Rows } from "./store.ts";
import { Refused, rejected, type Rule, type Verdict } from "./rule.ts";
import * as cart from "./cart.ts";
import * as claim from "./claim.ts";
import * as history from "./history.ts";
import * as orders from "./orders.ts";
import * as own from "./own.ts";

const RULES: Record<string, Rule> = { ...cart.RULES, ...claim.RULES, ...history.RULES, ...orders.RULES, ...own.RULES };

/** Executes a mutation. A rejected one has written nothing. */
export function execute({ name, v, args }: { name: string; v: number; args: Json }, rows: Rows): Verdict {
  const rule = v === 1 && Object.hasOwn(RULES, name) ? RULES[name] : undefined;
  if (!rule) return rejected("unknown_mutation");
  if (name.startsWith("cart.") && rows.store.claims.has(rows.shopper)) return rejected("claimed");
  try {
    return rule(args, rows);
  } catch (error) {
    if (error instanceof Refused) return rejected(error.code, error.fields);
    throw error;
  }
}
