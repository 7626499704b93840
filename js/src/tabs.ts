/** Milliseconds in which commits gather into one message: posting costs as much as a commit, and a frame is 16. */
const GATHER_MS = 5

/** Log records with their numbers. An empty message is a greeting: a tab has opened. */
type Message = readonly (readonly [number, Uint8Array])[]

export type Hear = (seq: number, record: Uint8Array) => void

/** The other tabs on the same store: each tells its commits, so that the others need not read them. */
export interface Channel {
  /** Hands over what others tell, and first what they told before this call. */
  hear(hear: Hear): void
  tell(seq: number, record: Uint8Array): void
  close(): void
}

export class Tabs implements Channel {
  readonly #channel: BroadcastChannel | undefined
  /** Whether another tab was ever heard of. A tab that is alone tells nobody: a message costs a tenth of a commit. */
  #isHeard = false
  #gathered: [number, Uint8Array][] = []
  /** The last commit; at first one whose number is below every other, so that nobody takes it in. */
  #last: [number, Uint8Array] = [0, new Uint8Array()]
  readonly #early: [number, Uint8Array][] = []
  #hear: Hear = (seq, record) => void this.#early.push([seq, record])

  constructor(name: string) {
    if (typeof BroadcastChannel === 'undefined') return
    this.#channel = new BroadcastChannel(`pannier:${name}`)
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => {
      for (const [seq, record] of data) this.#hear(seq, record)
      // A tab that greets has perhaps read the log before the last commit here; and one that is heard for the first
      // time was told of none so far.
      if (data.length === 0 || !this.#isHeard) this.#channel?.postMessage([this.#last])
      this.#isHeard = true
    }
    this.#channel.postMessage([])
  }

  hear(hear: Hear): void {
    this.#hear = hear
    for (const [seq, record] of this.#early.splice(0)) hear(seq, record)
  }

  tell(seq: number, record: Uint8Array): void {
    this.#last = [seq, record]
    if (!this.#isHeard) return
    if (this.#gathered.length === 0) setTimeout(() => this.#post(), GATHER_MS)
    this.#gathered.push([seq, record])
  }

  close(): void {
    this.#post()
    this.#channel?.close()
  }

  #post(): void {
    // A tab that misses this meets the commits at its own next one.
    if (this.#gathered.length > 0) this.#channel?.postMessage(this.#gathered)
    this.#gathered = []
  }
}
