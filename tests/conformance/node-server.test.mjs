// The second server, written from the protocol's page alone, passes every scenario that can be run over HTTP.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { buildSync } from "esbuild";

const FOLDER = new URL("node-server/", import.meta.url).pathname;
/** Without blank lines and comments: what a team can write in a few days. */
const LINES_MAX = 599;
const LINE_LENGTH_MAX = 120;

test("the server in TypeScript is small, and not by long lines", () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".ts"));
  const lines = files.flatMap((name) => readFileSync(join(FOLDER, name), "utf8").split("\n"));
  const long = lines.filter((line) => line.length > LINE_LENGTH_MAX);
  assert.deepEqual(long, []);
  const code = lines.filter((line) => line.trim() !== "" && !/^\s*(\/\/|\/\*\*|\*)/.test(line));
  assert.ok(code.length <= LINES_MAX, `it has ${code.length} lines of code`);
});

test("the server in TypeScript passes conformance", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pannier-node-server-"));
  const [program, secret] = [join(folder, "server.mjs"), join(folder, "secret")];
  buildSync({ entryPoints: [join(FOLDER, "main.ts")], outfile: program, bundle: true, platform: "node", format: "esm" });
  writeFileSync(secret, randomBytes(48));
  const server = spawn("node", [program, "--secret-file", secret], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const { value: line } = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next();
    const url = line.replace("listening on ", "");
    const run = (...more) => spawnSync(process.env.PANNIER_CONFORMANCE, ["--url", url, ...more], { encoding: "utf8" });
    const whole = run("--secret-file", secret);
    console.log(whole.stdout.trim().split("\n").at(-1));
    assert.equal(whole.status, 0, whole.stdout + whole.stderr);
    // Without the secret what needs it is left out, and told.
    const anonymous = run();
    assert.equal(anonymous.status, 0, anonymous.stdout + anonymous.stderr);
    assert.match(anonymous.stdout, /not applicable: it changes the catalogue/);
  } finally {
    server.kill();
    rmSync(folder, { recursive: true });
  }
});
