import * as SQLite from '@journeyapps/wa-sqlite'
import SQLiteESMFactory from '@journeyapps/wa-sqlite/dist/wa-sqlite.mjs'
import { AccessHandlePoolVFS } from '@journeyapps/wa-sqlite/src/examples/AccessHandlePoolVFS.js'
import { serve, type Engine, type Value } from './sqlite-worker.ts'

serve(async () => {
  const module = await SQLiteESMFactory()
  const sqlite3 = SQLite.Factory(module)
  const files = await AccessHandlePoolVFS.create('bench', module)
  sqlite3.vfs_register(files, true)
  const database = await sqlite3.open_v2('bench.sqlite')
  // As for the other build: this file system has one connection anyway, and a log needs no flush at each commit.
  await sqlite3.exec(database, 'PRAGMA locking_mode = exclusive; PRAGMA journal_mode = wal; PRAGMA synchronous = normal')
  return new WaSqlite(sqlite3, files, database)
})

class WaSqlite implements Engine {
  private readonly prepared = new Map<string, number>()

  constructor(
    private readonly sqlite3: SQLiteAPI,
    private readonly files: SQLiteVFS,
    private readonly database: number,
  ) {}

  exec(sql: string) {
    return this.sqlite3.exec(this.database, sql)
  }

  async run(sql: string, values: readonly Value[]) {
    const { sqlite3 } = this
    const statement = this.prepared.get(sql) ?? (await this.prepare(sql))
    if (values.length > 0) sqlite3.bind_collection(statement, [...values])
    const texts: string[] = []
    while ((await sqlite3.step(statement)) === SQLite.SQLITE_ROW) texts.push(sqlite3.column_text(statement, 0))
    await sqlite3.reset(statement)
    return texts
  }

  private async prepare(sql: string): Promise<number> {
    for await (const statement of this.sqlite3.statements(this.database, sql, { unscoped: true })) {
      this.prepared.set(sql, statement)
      return statement
    }
    throw new Error(`no statement: ${sql}`)
  }

  async close() {
    for (const statement of this.prepared.values()) await this.sqlite3.finalize(statement)
    await this.sqlite3.close(this.database)
    // Gives the files back at once, for the next page.
    await this.files.close()
  }
}
