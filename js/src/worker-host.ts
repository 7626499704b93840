/** What runs in the worker of `pannier/worker`: the shops, as the page asks for them. */
import {
  type Asked,
  type Callback,
  type FromPage,
  type FromWorker,
  type Handle,
  isThrown,
  packed,
  type States,
  type StatesOf,
  type Step,
  thrown,
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
const answers = new Map<number, (value: unknown) => void>()
let last = 0

const tell = (told: FromWorker) => postMessage(told)
const shopOf = (handle: number) => held.get(handle) as Shop

function keep(what: object): Handle {
  held.set(++last, what)
  return { handle: last }
}

function keepShop(shop: Shop): Handle {
  return { ...keep(shop), states: statesOf(shop) }
}

function statesOf({ sync, storage }: Shop): States {
  return { sync: packed(sync.state), storage: packed(storage.state) } as States
}

/** The states of a shop go along with whatever is told of it. */
function statesOn(handle: number): StatesOf | undefined {
  const found = held.get(handle)
  return found !== undefined && 'sync' in found ? [handle, statesOf(found as Shop)] : undefined
}

/** Calls the page, and waits for its answer. */
async function ask({ callback }: Callback, value?: unknown): Promise<unknown> {
  const answer = await new Promise(resolve => {
    answers.set(++last, resolve)
    tell({ callback, value, answer: last })
  })
  if (!isThrown(answer)) return answer
  const { code, message, detail } = answer.thrown
  throw code === undefined ? new Error(message) : new PannierError(code, message, detail as never)
}

function unpacked(options: OpenOptions): OpenOptions {
  const { sync } = options
  if (sync === undefined) return options
  const token = sync.token as unknown as Callback
  return { ...options, sync: { ...sync, token: () => ask(token) as Promise<string> } }
}

/** What is not simply called. */
const OTHERS: { readonly [name: string]: (on: number, words: readonly any[]) => Promise<unknown> } = {
  open: async (_, [options]) => keepShop(await open(unpacked(options))),
  signIn: async (on, [options, visitor, claim]) => keepShop(await shopOf(on).signIn(unpacked(options), visitor, claim)),
  snapshot: async on => keep(await shopOf(on).snapshot()),
  transaction: (on, [work]) =>
    shopOf(on).transaction(async transaction => {
      const handle = keep(transaction)
      try {
        await ask(work, handle)
      } finally {
        held.delete(handle.handle)
      }
    }),
}

function hear(told: FromPage): void {
  if ('id' in told) return void called(told)
  if ('answer' in told) {
    answers.get(told.answer)?.(told.value)
    answers.delete(told.answer)
  } else if ('stop' in told) {
    stops.get(told.stop)?.()
    stops.delete(told.stop)
  } else if ('release' in told) {
    ;(held.get(told.release) as { release(): void } | undefined)?.release()
    held.delete(told.release)
  } else {
    // As a page hears it.
    dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  }
}

async function called({ id, on, path, words }: Asked): Promise<void> {
  const done = (step: Step, value: unknown) => tell({ id, step, value, states: statesOn(on) })
  try {
    const other = path.length === 1 ? OTHERS[path[0]!] : undefined
    const result = other === undefined ? call(on, path, words) : other(on, words)
    if (!(result instanceof Object && 'durable' in result)) return done('done', await result)
    const { durable, confirmed } = result as { durable: Promise<void>; confirmed?: Promise<unknown> }
    await durable
    const isSent = confirmed !== undefined && shopOf(on)?.sync.state.status !== 'off'
    done('durable', isSent)
    if (isSent) await confirmed.then(outcome => done('confirmed', outcome)).catch(error => done('confirmed', thrown(error)))
  } catch (error) {
    done('done', thrown(error))
  }
}

/** Calls a method. Where the last of `words` is a callback, it calls the page. */
function call(on: number, path: Asked['path'], words: Asked['words']): unknown {
  if (!held.has(on)) throw new PannierError('closed', 'the store is closed')
  const [part, name] = path
  let owner = held.get(on) as Owner
  if (path.length === 3) owner = owner.collection!(name) as Owner
  else if (path.length === 2) owner = owner[part!] as Owner
  const method = (...words: unknown[]) => (owner[path.at(-1)!] as Method)(...words)
  const { callback } = (words.at(-1) ?? {}) as Callback
  if (typeof callback !== 'number') return method(...words)
  const told = (value: unknown) => tell({ callback, value: packed(value), states: statesOn(on) })
  stops.set(callback, method(...words.slice(0, -1), told) as () => void)
}

onmessage = ({ data }: MessageEvent<FromPage>) => hear(data)
