import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const BINARY = process.env.PANNIERD ?? fileURLToPath(new URL('../../target/release/pannierd', import.meta.url))

// Far above any start seen, so that only a server that hangs meets it.
const START_MS_MAX = 60_000

/**
 * Starts `pannierd` and resolves once it listens, to `{ url, pid, output, kill, stop }`.
 *
 * `db` is its SQLite file, `catalog` a file of products to import, `staticDir` a folder to serve;
 * `args` go to it as they are. `port` 0, the default, takes a free one; pass a number to restart a
 * server at the address that pages know. `kill()` is a power cut (SIGKILL), `stop()` asks it to end
 * (SIGTERM); both resolve when the process is gone. `output()` is what it printed so far.
 */
export async function startPannierd({ db, catalog, staticDir, port = 0, args = [] }) {
  const flags = ['--db', db, '--listen', `127.0.0.1:${port}`]
  if (catalog !== undefined) flags.push('--catalog', catalog)
  if (staticDir !== undefined) flags.push('--static', staticDir)
  const child = spawn(BINARY, [...flags, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const gone = new Promise((done) => child.once('close', done))
  const lines = []
  const url = await listening(child, gone, lines)
  const end = async (signal) => {
    child.kill(signal)
    await gone
  }
  return {
    url,
    pid: child.pid,
    output: () => lines.join('\n'),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  }
}

async function listening(child, gone, lines) {
  const found = new Promise((done) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line)
        const match = /listening on (http:\/\/\S+)/.exec(line)
        if (match) done(match[1])
      })
    }
  })
  const fail = (why) => {
    child.kill('SIGKILL')
    throw new Error(`${BINARY} ${why}\n${lines.join('\n')}`)
  }
  const started = once(child, 'error').then(([error]) => ({ why: `did not start: ${error.message}` }))
  const ended = gone.then((code) => ({ why: `ended with status ${code} before it listened` }))
  const timeout = new AbortController()
  const late = new Promise((done) => {
    const timer = setTimeout(() => done({ why: `did not listen within ${START_MS_MAX} ms` }), START_MS_MAX)
    timeout.signal.addEventListener('abort', () => clearTimeout(timer))
  })
  const first = await Promise.race([found, started, ended, late])
  timeout.abort()
  return typeof first === 'string' ? first : fail(first.why)
}
