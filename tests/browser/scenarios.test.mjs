// The scenarios marked for browsers, through the npm package in Chromium, against a real `pannierd`
// behind a proxy that loses what the scenario says.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { launch, startPannierd } from '../drive/index.mjs'
import { makeSite } from './package.mjs'
import { World } from './world.mjs'

const FOLDER = fileURLToPath(new URL('../scenarios/', import.meta.url))
// One that is lost would fail nowhere else.
const NUMBERS = [1, 2, 3, 5, 16, 21, 26, 27, 28, 31, 35, 40]

const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.json')).sort()
const all = await Promise.all(files.map(async (name) => JSON.parse(await readFile(join(FOLDER, name), 'utf8'))))
const scenarios = all.filter((scenario) => scenario.browser)

let site
let context
let folder

before(async () => {
  site = await makeSite()
  context = await launch()
  folder = await mkdtemp(join(tmpdir(), 'pannier-scenarios-'))
})

after(async () => {
  await context?.close()
  await site?.close()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

test('every scenario for browsers is there', () => {
  assert.deepEqual(
    scenarios.map((scenario) => scenario.number),
    NUMBERS,
  )
})

for (const { number, title, devices, catalog = [], cases } of scenarios) {
  for (const [index, one] of cases.entries()) {
    test(`${number}: ${title} (${one.name})`, async () => {
      const db = join(folder, `${number}-${index}.db`)
      const server = await startServer(db, catalog)
      const world = new World({ context, site, server, db })
      try {
        await world.run(devices, one)
      } finally {
        await world.close()
        await server.kill()
      }
    })
  }
}

async function startServer(db, catalog) {
  const file = `${db}.ndjson`
  await writeFile(file, catalog.map((product) => `${JSON.stringify(product)}\n`).join(''))
  return startPannierd({ db, catalog: file })
}
