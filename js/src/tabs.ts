/** Milliseconds in which commits gather into one message: posting costs as much as a commit, and a frame is 16. */
const GATHER_MS = 5

/** The other tabs on the same store: each tells its commits, so that the others need not read them. */
export class Tabs {
  readonly #channel: BroadcastChannel | undefined
  #gathered: [number, Uint8Array][] = []
  readonly #early: [number, Uint8Array][] = []
  #hear = (seq: number, record: Uint8Array): void => void this.#early.push([seq, record])

  constructor(name: string) {
    if (typeof BroadcastChannel === 'undefined') return
    this.#channel = new BroadcastChannel(`pannier:${name}`)
    this.#channel.onmessage = ({ data }: MessageEvent<[number, Uint8Array][]>) => {
      for (const [seq, record] of data) this.#hear(seq, record)
    }
  }

  /** Hands over what others tell, and first what they told before this call. */
  hear(hear: (seq: number, record: Uint8Array) => void): void {
    this.#hear = hear
    for (const [seq, record] of this.#early.splice(0)) hear(seq, record)
  }

  tell(seq: number, record: Uint8Array): void {
    if (this.#channel === undefined) return
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
