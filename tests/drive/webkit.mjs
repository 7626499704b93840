import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { Builder, Capabilities } from 'selenium-webdriver'
import { kill } from './processes.mjs'

const BROWSER = process.env.MINIBROWSER ?? '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser'

// Far above any start seen, so that only a driver that hangs meets it.
const START_MS_MAX = 60_000

/** Milliseconds for which one page is asked for its answer before another gets its turn. */
const TURN_MS = 20

/**
 * Starts WebKitGTK's small browser on a screen of its own and returns what tests use of Playwright's browser context.
 * Its storage goes with it. A page is a window, not a tab: hidden ones have no frames.
 */
export async function launchWebkit() {
  const port = await freePort()
  // A group of its own, to be ended with all that it starts, also where the test runner ends a test that hangs.
  const driver = spawn('xvfb-run', ['-a', 'WebKitWebDriver', `--port=${port}`], { stdio: 'ignore', detached: true })
  const end = () => kill([-driver.pid])
  const interrupted = () => {
    end()
    process.exit(1)
  }
  process.once('SIGTERM', interrupted)
  const browser = await connect(port)
  const [first] = await browser.getAllWindowHandles()
  const turns = makeTurns()
  const context = {
    newPage: () =>
      turns(async () => {
        // Without a window left it would end.
        await browser.switchTo().window(first)
        await browser.switchTo().newWindow('window')
        return new Page(browser, turns, await browser.getWindowHandle())
      }),
    /** The driver gives up with the first process that dies, so a page that must die alone is closed. */
    crash: (page) => page.close(),
    async close() {
      await turns(() => browser.quit()).catch(() => {})
      process.off('SIGTERM', interrupted)
      end()
    },
  }
  return context
}

class Page {
  #browser
  #turns
  #handle

  constructor(browser, turns, handle) {
    this.#browser = browser
    this.#turns = turns
    this.#handle = handle
  }

  goto(url) {
    return this.#on(() => this.#browser.get(url))
  }

  reload() {
    return this.#on(() => this.#browser.navigate().refresh())
  }

  /**
   * As Playwright's: calls a function or evaluates an expression in the page. It asks for the answer in turns, since the
   * driver does one thing at a time.
   */
  async evaluate(work, argument) {
    const code = typeof work === 'function' ? `(${work})(argument)` : work
    const slot = await this.#on(() => this.#browser.executeScript(START, code, wrap(argument)))
    for (;;) {
      const answer = await this.#on(() => this.#browser.executeAsyncScript(AWAIT, slot, TURN_MS))
      if (answer === null) continue
      if ('error' in answer) throw new Error(answer.error)
      return unwrap(answer.value)
    }
  }

  close() {
    return this.#on(() => this.#browser.close())
  }

  #on(work) {
    return this.#turns(async () => {
      await this.#browser.switchTo().window(this.#handle)
      return work()
    })
  }
}

// JSON has no word for what is not there.
const wrap = (value) =>
  value === undefined
    ? { '': 'undefined' }
    : Array.isArray(value)
      ? value.map(wrap)
      : value !== null && typeof value === 'object'
        ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, wrap(one)]))
        : value

const unwrap = (value) =>
  Array.isArray(value)
    ? value.map(unwrap)
    : value !== null && typeof value === 'object'
      ? value[''] === 'undefined'
        ? undefined
        : Object.fromEntries(Object.entries(value).map(([key, one]) => [key, unwrap(one)]))
      : value

const START = `
  const wrap = ${wrap}, unwrap = ${unwrap}
  const argument = unwrap(arguments[1])
  const slots = (globalThis.answers ??= [])
  const answer = (async () => eval(arguments[0]))()
  slots.push(answer.then(
    value => ({ value: wrap(value) }),
    error => ({ error: String(error?.stack ? error + '\\n' + error.stack : error) }),
  ))
  return slots.length - 1`

const AWAIT = `
  const [slot, waitMs, done] = arguments
  const late = setTimeout(() => done(null), waitMs)
  answers[slot].then(answer => {
    clearTimeout(late)
    done(answer)
  })`

/** Does one thing after another. */
function makeTurns() {
  let last = Promise.resolve()
  return (work) => {
    const next = last.then(work)
    last = next.catch(() => {})
    return next
  }
}

async function connect(port) {
  const options = { binary: BROWSER, args: ['--automation'] }
  const wanted = new Capabilities({ browserName: 'MiniBrowser', 'webkitgtk:browserOptions': options })
  const deadline = Date.now() + START_MS_MAX
  await listening(port, deadline)
  const browser = await new Builder().usingServer(`http://127.0.0.1:${port}`).withCapabilities(wanted).build()
  await browser.manage().setTimeouts({ script: START_MS_MAX })
  return browser
}

/** Waits until the driver answers. */
async function listening(port, deadline) {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/status`).catch((error) => error)
    if (answer.ok) return
    if (Date.now() > deadline) throw new Error(`WebKitWebDriver does not listen on ${port}: ${answer.message}`)
    await new Promise((done) => setTimeout(done, TURN_MS))
  }
}

async function freePort() {
  const server = createServer()
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address()
  await new Promise((done) => server.close(done))
  return port
}
