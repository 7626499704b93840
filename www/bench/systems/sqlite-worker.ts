/** The worker's side of SQLite: requests in their order, each over an engine that a build of SQLite makes. */

export type Value = string | number

export type Request =
  | { readonly kind: 'open'; readonly schema: string }
  /** One transaction that runs `sql` once for each row. */
  | { readonly kind: 'write'; readonly sql: string; readonly rows: readonly (readonly Value[])[] }
  | { readonly kind: 'read'; readonly sql: string; readonly values: readonly Value[] }
  | { readonly kind: 'close' }

/** `documents` is a JSON array. */
export interface Answer {
  readonly number: number
  readonly documents: string
  readonly error?: string
}

export interface Engine {
  exec(sql: string): unknown
  /** Runs one statement, prepared once, and gives the texts of its first column. */
  run(sql: string, values: readonly Value[]): readonly string[] | Promise<readonly string[]>
  close(): unknown
}

/** Serves the page's requests. `open` makes the engine, with the database open. */
export function serve(open: () => Promise<Engine>): void {
  let engine: Engine
  let last: Promise<void> = Promise.resolve()

  async function documents(request: Request): Promise<readonly string[]> {
    switch (request.kind) {
      case 'open':
        engine = await open()
        await engine.exec(request.schema)
        return []
      case 'write':
        await write(engine, request.sql, request.rows)
        return []
      case 'read':
        return engine.run(request.sql, request.values)
      case 'close':
        await engine.close()
        return []
    }
  }

  self.onmessage = ({ data }: MessageEvent<{ number: number; request: Request }>) => {
    const answer = async (): Promise<Answer> => {
      try {
        return { number: data.number, documents: `[${(await documents(data.request)).join()}]` }
      } catch (error) {
        return { number: data.number, documents: '', error: String(error) }
      }
    }
    // The page's own `postMessage`, which the declarations take this for, has other arguments.
    last = last.then(async () => (self as unknown as Worker).postMessage(await answer()))
  }
}

async function write(engine: Engine, sql: string, rows: readonly (readonly Value[])[]): Promise<void> {
  if (rows.length === 1) {
    await engine.run(sql, rows[0]!)
    return
  }
  await engine.exec('BEGIN')
  for (const row of rows) await engine.run(sql, row)
  await engine.exec('COMMIT')
}
