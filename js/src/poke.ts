/**
 * Listens for the server's pokes, by one stream over all tabs: loaded after the first sync. It imports types alone, so that
 * it stays a file of its own.
 */

/** A stream that is silent for longer is dead: the server says something every 15 s. */
const SILENCE_MS = 40_000

/** A page that is hidden for longer leaves the stream to others. */
const HIDDEN_MS = 60_000

/** Streams in a row that never say anything: then something before the server holds it back. */
const SILENT_MAX = 3

/** Longer than the beginning of a line that matters. */
const LINE_CHARS_MAX = 99

/** What it needs of the syncer. */
export interface Listening {
  /** Of the store. */
  readonly name: string
  /** Of the protocol's addresses. */
  readonly url: string
  /** The stream of this tab or of another one lives: what moves will be told. */
  heard(): void
  /** Something may have moved. */
  poked(): void
  /** The body of the last sync request. */
  body(): Uint8Array
  token(request: AbortController): Promise<string>
  /** Milliseconds to wait after so many failures in a row before the last, which had this answer. */
  backOffMs(failures: number, response?: Response): number
}

/** Turns listening on and off, and with nothing off for good. */
export type Turn = (isOn?: boolean) => void

/**
 * Listens. The tab that holds the lock has the stream, and tells the others that it lives; the lock goes with a tab that
 * dies.
 */
export function listen({ name, url, heard, poked, body, token, backOffMs }: Listening): Turn {
  const lock = `pannier-poke:${name}`
  const channel = new BroadcastChannel(lock)
  const over = new AbortController()
  let isOn: boolean | undefined = true
  /** Ends the stream and lets go of the lock, or of waiting for it. */
  let held: AbortController | undefined
  let hiding: ReturnType<typeof setTimeout> | undefined
  /** Ends the stream or the wait that there is, for another try. */
  let interrupt = () => {}

  const end = () => {
    held?.abort()
    held = undefined
  }
  const shown = () => {
    clearTimeout(hiding)
    if (globalThis.document?.visibilityState === 'hidden') hiding = setTimeout(end, HIDDEN_MS)
    else if (isOn && held === undefined) {
      const { signal } = (held = new AbortController())
      navigator.locks.request(lock, { signal }, () => hold(signal)).catch(() => {})
    }
  }

  const hold = async (signal: AbortSignal) => {
    signal.addEventListener('abort', () => interrupt())
    for (let failures = 0, silent = 0; !signal.aborted; ) {
      const stream = new AbortController()
      interrupt = () => stream.abort()
      silent++
      const response = await follow(stream, () => (failures = silent = 0))
      if (stream.signal.reason !== SILENCE_MS) silent = 0
      const { status = 500, ok } = response ?? {}
      // The address is another's, or useless: polling is left, until the page is shown anew.
      if (silent === SILENT_MAX || (status < 500 && status !== 401 && status !== 429 && !(ok && isStream(response!)))) {
        return end()
      }
      const waitMs = backOffMs(failures++, response)
      await new Promise<void>(resolve => {
        interrupt = resolve
        if (signal.aborted) resolve()
        setTimeout(resolve, waitMs)
      })
    }
  }

  /** Follows a stream to its end. Gives the answer that it was, or that refused it. */
  const follow = async (stream: AbortController, said: () => void): Promise<Response | undefined> => {
    const { signal } = stream
    const watch = () => setTimeout(() => stream.abort(SILENCE_MS), SILENCE_MS)
    let dead = watch()
    let response: Response | undefined
    try {
      const headers = { authorization: `Bearer ${await token(stream)}` }
      // What this browser does itself its tabs know already.
      response = await fetch(`${url}/poke?client=${clientOf(body())}`, { headers, signal })
      if (!isStream(response)) return response
      // What moved before was told to nobody.
      poked()
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
      let text = ''
      for (let next; !(next = await reader.read()).done; ) {
        clearTimeout(dead)
        dead = watch()
        said()
        heard()
        channel.postMessage(0)
        const lines = (text + next.value).split('\n')
        text = lines.pop()!.slice(0, LINE_CHARS_MAX)
        // Comments keep the connection.
        if (lines.some(line => line.startsWith('event'))) poked()
      }
    } catch {
      // As if it had ended.
    } finally {
      clearTimeout(dead)
      stream.abort()
    }
    return response
  }

  channel.onmessage = heard
  for (const [event, follows] of [
    ['visibilitychange', shown],
    ['pageshow', shown],
    ['pagehide', end],
    // What the browser believes of the network is not trusted: it is tried.
    ['online', () => (interrupt(), shown())],
    ['offline', () => interrupt()],
  ] as const) {
    globalThis.addEventListener?.(event, follows, over)
  }
  shown()
  return turn => {
    isOn = turn
    if (turn) return shown()
    end()
    if (turn !== undefined) return
    over.abort()
    channel.close()
    clearTimeout(hiding)
  }
}

function isStream({ headers }: Response): boolean {
  return headers.get('content-type')?.startsWith('text/event-stream') ?? false
}

/** The client that a sync request names, as text: behind two small numbers and the epoch, if there is one. */
function clientOf(request: Uint8Array): string {
  let at = 3
  // A number's last byte is below 128.
  if (request[2]) while (request[at++]! > 127);
  return [...request.subarray(at, at + 16)].map(byte => byte.toString(16).padStart(2, '0')).join('')
}
