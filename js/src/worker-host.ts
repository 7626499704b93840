/** What runs in the worker of `pannier/worker`: the shops, as the page asks for them. */
import {
  type Asked,
  type Callback,
  failed,
  type FromPage,
  type FromWorker,
  type Handle,
  type Packed,
  packed,
  type StatesOf,
  type Step,
  type Thrown,
} from './messages.ts'
import { open, PannierError } from './pannier.js'
import type { OpenOptions, Shop } from './types.ts'

type Method = (...words: unknown[]) => unknown
type Owner = { readonly [name: string]: unknown; readonly collection?: Method }

/** Shops, and what they hold for the page, by their handles. */
const held = new Map<number, object>()
/** What ends the calls of a callback. */
const stops = new Map<number, () => void>()
/** What waits for the page's answer. */
const answers = new Map<number, (answer: Packed) => void>()
let last = 0

const tell = (told: FromWorker) => postMessage(told)

/** What a worker lacks of its page, as `shop.ts` and others ask for it. */
const page = Object.assign(new EventTarget(), { visibilityState: 'visible' as DocumentVisibilityState })
const marks = new Set<string>()
const mark = (name: string, isMade: boolean) => {
  if (isMade) marks.add(name)
  else marks.delete(name)
  tell({ mark: name, isMade })
}
Object.assign(globalThis, {
  document: page,
  localStorage: {
    getItem: (name: string) => (marks.has(name) ? '' : null),
    setItem: (name: string) => mark(name, true),
    removeItem: (name: string) => mark(name, false),
  },
})

const shopOf = (handle: number) => held.get(handle) as Shop

/** Keeps what the page is to have a handle of. */
function keep(what: object): Packed {
  held.set(++last, what)
  const handle: Handle = { handle: last, states: statesOn(last) }
  return { value: handle, is: 'handle' }
}

/** The states of a shop go along with whatever is told of it. */
function statesOn(handle: number): StatesOf | undefined {
  const found = held.get(handle)
  if (found === undefined || !('sync' in found)) return undefined
  const { sync, storage } = found as Shop
  return [handle, packed(sync.state), packed(storage.state)]
}

/** Calls the page, and waits for its answer. */
async function ask({ callback }: Callback, told: Packed = { value: undefined }): Promise<unknown> {
  const { value, is } = await new Promise<Packed>(resolve => {
    answers.set(++last, resolve)
    tell({ callback, ...told, answer: last })
  })
  if (is !== 'thrown') return value
  const { code, message, detail } = value as Thrown
  throw code === undefined ? new Error(message) : new PannierError(code, message, detail as never)
}

function unpacked(options: OpenOptions): OpenOptions {
  const { sync } = options
  if (sync === undefined) return options
  const token = sync.token as unknown as Callback
  return { ...options, sync: { ...sync, token: () => ask(token) as Promise<string> } }
}

/** What is not simply called. */
const OTHERS: { readonly [name: string]: (on: number, words: readonly any[]) => Promise<Packed> } = {
  open: async (_, [options]) => keep(await open(unpacked(options))),
  signIn: async (on, [options, visitor, claim]) => keep(await shopOf(on).signIn(unpacked(options), visitor, claim)),
  snapshot: async on => keep(await shopOf(on).snapshot()),
  async transaction(on, [work]) {
    await shopOf(on).transaction(async transaction => {
      const told = keep(transaction)
      try {
        await ask(work, told)
      } finally {
        held.delete((told.value as Handle).handle)
      }
    })
    return { value: undefined }
  },
}

function hear(told: FromPage): void {
  if ('id' in told) return void called(told)
  if ('answer' in told) {
    answers.get(told.answer)?.(told)
    answers.delete(told.answer)
  } else if ('stop' in told) {
    stops.get(told.stop)?.()
    stops.delete(told.stop)
  } else if ('release' in told) {
    ;(held.get(told.release) as { release(): void } | undefined)?.release()
    held.delete(told.release)
  } else {
    const { type, persisted, visibilityState, marks: found = [] } = told.page
    page.visibilityState = visibilityState
    for (const name of found) marks.add(name)
    if (type === undefined) return
    // As a page hears it: there what its document tells goes on to the window.
    for (const target of [page, globalThis]) target.dispatchEvent(Object.assign(new Event(type), { persisted }))
  }
}

async function called(asked: Asked): Promise<void> {
  const { id, on, path, words } = asked
  const done = (step: Step, told: Packed) => tell({ id, step, ...told, states: statesOn(on) })
  try {
    const other = path.length === 1 ? OTHERS[path[0]!] : undefined
    if (other !== undefined) return done('done', await other(on, words))
    const result = call(asked)
    if (!(result instanceof Object && 'durable' in result)) return done('done', { value: await result })
    const { durable, confirmed } = result as { durable: Promise<void>; confirmed?: Promise<unknown> }
    await durable
    const isSent = confirmed !== undefined && shopOf(on)?.sync.state.status !== 'off'
    done('durable', { value: isSent })
    if (isSent) await confirmed.then(value => done('confirmed', { value })).catch(error => done('confirmed', failed(error)))
  } catch (error) {
    done('done', failed(error))
  }
}

/** Calls a method. */
function call({ on, path, words, callback }: Asked): unknown {
  if (!held.has(on)) throw new PannierError('closed', 'the store is closed')
  const [part, name] = path
  let owner = held.get(on) as Owner
  if (path.length === 3) owner = owner.collection!(name) as Owner
  else if (path.length === 2) owner = owner[part!] as Owner
  const method = (...words: unknown[]) => (owner[path.at(-1)!] as Method)(...words)
  if (callback === undefined) return method(...words)
  const told = (value: unknown) => tell({ callback, ...packed(value), states: statesOn(on) })
  stops.set(callback, method(...words, told) as () => void)
}

onmessage = ({ data }: MessageEvent<FromPage>) => hear(data)
