import sqlite3InitModule, { type Database, type PreparedStatement, type SAHPoolUtil } from '@sqlite.org/sqlite-wasm'
import { serve, type Engine, type Value } from './sqlite-worker.ts'

serve(async () => {
  const sqlite3 = await sqlite3InitModule()
  const pool = await sqlite3.installOpfsSAHPoolVfs({})
  const database = new pool.OpfsSAHPoolDb('/bench.sqlite')
  // The pool belongs to one tab anyway, and a log needs no flush at each commit.
  database.exec('PRAGMA locking_mode = exclusive; PRAGMA journal_mode = wal; PRAGMA synchronous = normal')
  return new SqliteWasm(pool, database)
})

class SqliteWasm implements Engine {
  private readonly prepared = new Map<string, PreparedStatement>()

  constructor(
    private readonly pool: SAHPoolUtil,
    private readonly database: Database,
  ) {}

  exec(sql: string) {
    this.database.exec(sql)
  }

  run(sql: string, values: readonly Value[]) {
    const statement = this.prepared.get(sql) ?? this.database.prepare(sql)
    this.prepared.set(sql, statement)
    if (values.length > 0) statement.bind([...values])
    const texts: string[] = []
    while (statement.step()) texts.push(statement.getString(0)!)
    statement.reset()
    return texts
  }

  close() {
    for (const statement of this.prepared.values()) statement.finalize()
    this.database.close()
    // Gives the files back at once, for the next page.
    this.pool.pauseVfs()
  }
}
