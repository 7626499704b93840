/** The last outcome in words of each cart line, shown beside it until the shopper changes the line. */

export class Notes {
  readonly #words = new Map<string, string>()
  readonly #callbacks = new Set<() => void>()

  get(line: string): string | undefined {
    return this.#words.get(line)
  }

  set(line: string, words: string): void {
    this.#words.set(line, words)
    this.#tell()
  }

  delete(line: string): void {
    if (this.#words.delete(line)) this.#tell()
  }

  /** Calls back after each change. Returns what stops it. */
  subscribe(callback: () => void): () => void {
    this.#callbacks.add(callback)
    return () => this.#callbacks.delete(callback)
  }

  #tell(): void {
    for (const callback of this.#callbacks) callback()
  }
}
