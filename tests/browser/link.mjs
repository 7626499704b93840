import { createServer, request as httpRequest } from 'node:http'

/**
 * The connection between one device's pages and `pannierd`: a proxy on 127.0.0.1 with faults.
 *
 * It is closed until `expect(fault)`, so that pages sync only when a step says so. The fault befalls
 * the first sync after it: `dropRequest`, `dropResponse`, or `stall`, which serves it and never
 * answers; `stalled` resolves when the server is done with that one.
 */
export async function startLink(target) {
  const link = { isOpen: false, offline: false, lastSeqs: new Map() }
  let fault
  let tellStalled
  const answer = async (incoming, outgoing) => {
    const body = await read(incoming)
    if (incoming.method !== 'POST') return pass(await forward(target, incoming, body), outgoing)
    if (!link.isOpen || link.offline) return outgoing.destroy()
    const now = fault
    fault = undefined
    if (now === 'dropRequest') return outgoing.destroy()
    const answered = await forward(target, incoming, body)
    note(link.lastSeqs, body, answered)
    if (now === 'dropResponse') return outgoing.destroy()
    if (now === 'stall') return tellStalled()
    pass(answered, outgoing)
  }
  const server = createServer((incoming, outgoing) => {
    // Chromium sends again by itself what was lost on a connection that it had used before.
    outgoing.setHeader('connection', 'close')
    answer(incoming, outgoing).catch(() => outgoing.destroy())
  })
  await new Promise((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done))
  return Object.assign(link, {
    url: `http://127.0.0.1:${server.address().port}/v1`,
    expect(next) {
      if (![undefined, 'dropRequest', 'dropResponse', 'stall'].includes(next)) throw new Error(`no fault ${next}`)
      fault = next
      link.isOpen = true
      link.stalled = new Promise((done) => (tellStalled = done))
    },
    shut() {
      link.isOpen = false
      fault = undefined
    },
    close: () =>
      new Promise((done) => {
        server.close(done)
        server.closeAllConnections()
      }),
  })
}

async function read(stream) {
  const pieces = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

function forward(target, incoming, body) {
  return new Promise((done, fail) => {
    // Answers are read here: not compressed.
    const headers = { ...incoming.headers, host: new URL(target).host, 'accept-encoding': 'identity' }
    const outgoing = httpRequest(new URL(incoming.url, target), { method: incoming.method, headers }, (response) => {
      read(response).then((bytes) => done({ status: response.statusCode, headers: response.headers, bytes }), fail)
    })
    outgoing.once('error', fail).end(body)
  })
}

function pass({ status, headers, bytes }, outgoing) {
  const { connection, ...rest } = headers
  outgoing.writeHead(status, rest).end(bytes)
}

// Notes the last number that the server told a client. In postcard a request starts with protocol,
// schema, an optional epoch and the client's 16 bytes; a good answer with 0, epoch and last number.
function note(lastSeqs, body, { status, headers, bytes }) {
  if (status !== 200 || headers['content-type'].startsWith('application/json')) return
  const asked = reader(body)
  asked.varint()
  asked.varint()
  if (asked.varint() === 1) asked.varint()
  const client = asked.take(16).toString('hex')
  const answered = reader(bytes)
  if (answered.varint() !== 0) throw new Error('an answer of status 200 is no good answer')
  answered.varint()
  lastSeqs.set(client, answered.varint())
}

function reader(bytes) {
  let at = 0
  return {
    varint() {
      let value = 0
      for (let scale = 1; ; scale *= 128) {
        const byte = bytes[at++]
        value += (byte & 0x7f) * scale
        if (byte < 0x80) return value
      }
    },
    take: (count) => bytes.subarray(at, (at += count)),
  }
}
