// Real kills, of every page's process and of the whole browser, at seeded moments during mixed writes of two tabs. What
// was reported durable must be there afterwards, nothing but whole operations in their order, and all of it sound. In their
// order: those of the products, of which many are put in parts while all else goes on, and those of the rest.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ENGINE, launch } from '../drive/index.mjs'
import { makeSite } from './package.mjs'
import { after as next, generator, groupOf, nothing, operation } from './pages/mix.mjs'

const KILLS = Number(process.env.PANNIER_KILLS ?? 10)
const SEED = Number(process.env.PANNIER_SEED ?? 1)
/** Stores in clear and under a key: their tabs, and how often they are killed. */
const STORES = [
  { name: 'kills', tabs: ['a', 'b'], kills: KILLS },
  { name: 'encrypted', tabs: ['c', 'd'], kills: Math.ceil(KILLS / 5), isEncrypted: true },
]

// WebKit's driver ends with the first process that dies, and its storage with the driver.
const skip = ENGINE === 'webkit' && 'its storage does not outlive the browser'

/** Operations of a tab that can be under way or unreported at one moment. */
const AHEAD_MAX = 8

let site, origin, profileDir, context, reports

before(async () => {
  if (skip) return
  site = await makeSite()
  origin = await site.origin()
  profileDir = await mkdtemp(join(tmpdir(), 'pannier-kills-'))
  reports = await startReports()
  context = await launch({ profileDir })
})

after(async () => {
  await context?.close()
  await site?.close()
  await reports?.close()
  if (profileDir !== undefined) await rm(profileDir, { recursive: true, force: true, maxRetries: 10 })
})

/** What keeps its order, by what it writes. */
const GROUPS = { products: ['products'], rest: ['cart', 'visits', 'notes'] }

/** Where each tab stands: from which operation it goes on, and what those before it have left. */
const tabs = Object.fromEntries(STORES.flatMap((store) => store.tabs).map((who) => [who, { done: 0, held: nothing() }]))

for (const store of STORES) {
  const { name, kills } = store
  test(`${kills} kills lose nothing that was reported durable: ${name}`, { skip, timeout: 30_000 * kills }, async () => {
    for (let round = 0; round < kills; round++) {
      const random = generator(SEED * 65_537 + round)
      const kind = round % 2 === 0 ? 'browser' : 'pages'
      const pages = await Promise.all(store.tabs.map((who) => writeIn(store, who, tabs[who].done)))
      // Some reports, then some moment after the last of them.
      const enough = 5 + Math.floor(random() * 40)
      await reports.until(() => store.tabs.every((who) => lastReported(who) >= tabs[who].done + enough))
      await new Promise((done) => setTimeout(done, random() * 30))
      await kill(kind, pages)
      await compare(store, `${name}, seed ${SEED}, round ${round}, ${kind} killed`)
    }
  })
}

async function kill(kind, pages) {
  if (kind === 'browser') {
    await context.killBrowser()
    context = await launch({ profileDir })
    return
  }
  assert.ok((await context.killPages()) > 0)
  // A process that is killed may leave its page as it was seen last.
  for (const page of pages) await page.close()
}

/** Starts a tab that writes until it is killed. */
async function writeIn(store, who, from) {
  const page = await context.newPage()
  await page.goto(origin)
  const asked = { store, who, from, seed: SEED, url: reports.url, aheadMax: AHEAD_MAX }
  await page.evaluate(write, asked)
  return page
}

/** Checks what is stored, opens it once more, and finds for each tab the operations that are there. */
async function compare(store, where) {
  const page = await context.newPage()
  await page.goto(origin)
  const { faults } = await page.evaluate(check, store)
  assert.deepEqual(faults, [], `${where}: what is stored is not sound`)
  for (const who of store.tabs) {
    const found = await page.evaluate(look, { store, who })
    const tab = tabs[who]
    // What is under way when the end comes may have become durable, and nobody has heard of it.
    const last = Math.max(lastReported(who), tab.done) + 2 * AHEAD_MAX
    const reached = Object.keys(GROUPS).map((group) => reach(tab, who, group, last, found, where))
    tabs[who] = { done: Math.max(...reached), held: found }
  }
  await page.close()
}

/** Finds how many operations have left what is there of a group: those that were reported, and perhaps more. */
function reach(tab, who, group, last, found, where) {
  const only = (held) => Object.fromEntries(GROUPS[group].map((name) => [name, held[name]]))
  const held = structuredClone(tab.held)
  let done = tab.done
  const step = () => {
    const asked = operation(who, SEED, done++)
    if (groupOf(asked) === group) next(held, asked)
  }
  while (done < reports.durable(who, group)) step()
  const expected = structuredClone(only(held))
  while (done < last && !isSame(only(held), only(found))) step()
  if (isSame(only(held), only(found))) return done
  assert.deepEqual(only(found), expected, `${where}: what ${who} holds is not what its operations leave`)
}

const lastReported = (who) => Math.max(...Object.keys(GROUPS).map((group) => reports.durable(who, group)))

function isSame(one, other) {
  try {
    assert.deepEqual(one, other)
    return true
  } catch {
    return false
  }
}

/** Hears from pages how far they are: a page that is killed has no last word, so each report is a request of its own. */
async function startReports() {
  const durable = new Map()
  let waiting, failed
  const server = createServer((request, response) => {
    const [, who, group, told] = request.url.split('/')
    if (who === 'failed') failed = decodeURIComponent(group)
    else durable.set(`${who} ${group}`, Math.max(durable.get(`${who} ${group}`) ?? 0, Number(told)))
    response.writeHead(204, { 'access-control-allow-origin': '*' }).end()
    waiting?.()
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    durable: (who, group) => durable.get(`${who} ${group}`) ?? 0,
    until: (holds) =>
      new Promise((done, fail) => {
        waiting = () => (failed === undefined ? holds() && done() : fail(new Error(failed)))
        waiting()
      }),
    close: () =>
      new Promise((done) => {
        server.close(done)
        server.closeAllConnections()
      }),
  }
}

// From here on: what runs in pages.

async function write({ store, who, from, seed, url, aheadMax }) {
  const { open } = await import('/package/pannier.js')
  const { groupOf, operation, optionsOf, perform } = await import('/pages/mix.mjs')
  const shop = await open(await optionsOf(store))
  const ahead = new Set()
  const fail = (error) => fetch(`${url}/failed/${encodeURIComponent(`${who}: ${error}`)}`)
  const run = async () => {
    for (let number = from; ; number++) {
      const asked = operation(who, seed, number)
      const { durable } = await perform(shop, who, asked)
      // So many, that is: all of its group from 0 to this one.
      const tell = () => fetch(`${url}/${who}/${groupOf(asked)}/${number + 1}`).catch((error) => console.error(error))
      const told = durable.then(tell, fail)
      ahead.add(told)
      told.finally(() => ahead.delete(told))
      if (ahead.size >= aheadMax) await Promise.race(ahead)
    }
  }
  run().catch(fail)
}

async function check(store) {
  const { checkStore } = await import('/package/check.js')
  const { optionsOf } = await import('/pages/mix.mjs')
  return checkStore(await optionsOf(store))
}

async function look({ store, who }) {
  const { open } = await import('/package/pannier.js')
  const { optionsOf, read } = await import('/pages/mix.mjs')
  const shop = await open(await optionsOf(store))
  try {
    return await read(shop, who)
  } finally {
    await shop.close()
  }
}
