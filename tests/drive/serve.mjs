import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, resolve, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'

// A browser refuses a module with a wrong type, and streams a wasm compile only with the right one.
const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
}

/**
 * Serves the files under `dir` on 127.0.0.1 and resolves to `{ url, port, close }`.
 *
 * `port` 0, the default, takes a free one. `mounts` maps more address prefixes to folders:
 * `{ '/pannier/': 'target/x' }`. `headers` are added to every answer.
 */
export async function serve(dir, { port = 0, mounts = {}, headers = {} } = {}) {
  const roots = [...Object.entries(mounts), ['/', dir]]
  const server = createServer((request, response) => {
    answer(roots, headers, request, response).catch(() => response.destroy())
  })
  await new Promise((done, fail) => server.once('error', fail).listen(port, '127.0.0.1', done))
  const bound = server.address().port
  return {
    port: bound,
    url: `http://127.0.0.1:${bound}/`,
    close: () =>
      new Promise((done) => {
        server.close(done)
        server.closeAllConnections()
      }),
  }
}

async function answer(roots, headers, request, response) {
  const path = pathOf(request.url)
  const file = path === null ? null : await find(roots, path)
  if (file === null) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n')
    return
  }
  response.writeHead(200, {
    'content-type': TYPES[extname(file.path)] ?? 'application/octet-stream',
    'content-length': file.size,
    'cache-control': 'no-cache',
    ...headers,
  })
  if (request.method === 'HEAD') response.end()
  else await pipeline(createReadStream(file.path), response)
}

function pathOf(url) {
  try {
    return decodeURIComponent(new URL(url, 'http://localhost').pathname)
  } catch {
    return null
  }
}

async function find(roots, path) {
  const [prefix, dir] = roots.find(([prefix]) => path.startsWith(prefix))
  const root = resolve(dir)
  const wanted = resolve(root, path.slice(prefix.length))
  // An encoded `..` must not lead out of the folder.
  if (wanted !== root && !wanted.startsWith(root + sep)) return null
  for (const candidate of [wanted, join(wanted, 'index.html')]) {
    const found = await stat(candidate).catch(() => null)
    if (found?.isFile()) return { path: candidate, size: found.size }
  }
  return null
}
