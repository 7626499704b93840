// What tabs tell each other, over the real BroadcastChannel: nothing while alone, and nothing missed by one that opens.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const entry = fileURLToPath(new URL('../src/tabs.ts', import.meta.url))
const bundle = await build({ entryPoints: [entry], bundle: true, format: 'esm', write: false })
const { Tabs } = await import(`data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString('base64')}`)

const record = (seq) => new Uint8Array([seq])

/** A tab with what it hears; `heard(seq)` resolves when it has heard of a commit. */
function openTab(name) {
  const tabs = new Tabs(name)
  const seqs = []
  const waiting = new Map()
  tabs.hear((seq, bytes) => {
    if (seq > 0) assert.deepEqual([...bytes], [seq])
    seqs.push(seq)
    waiting.get(seq)?.()
  })
  const heard = (seq) => (seqs.includes(seq) ? Promise.resolve() : new Promise((resolve) => waiting.set(seq, resolve)))
  return { tabs, seqs, heard }
}

let names = 0
const freshName = () => `tabs-${process.pid}-${names++}`

test('a tab that is alone posts its greeting and nothing else', async () => {
  const name = freshName()
  const posted = []
  const listener = new BroadcastChannel(`pannier:${name}`)
  const { promise, resolve } = withResolvers()
  listener.onmessage = ({ data }) => (data === 'end' ? resolve() : posted.push(data))
  const { tabs } = openTab(name)
  for (let seq = 1; seq <= 3; seq++) tabs.tell(seq, record(seq))
  tabs.close()
  const last = new BroadcastChannel(`pannier:${name}`)
  last.postMessage('end')
  await promise
  assert.deepEqual(posted, [[]])
  listener.close()
  last.close()
})

test('a tab that opens hears the last commit before, and all after', async () => {
  const name = freshName()
  const first = openTab(name)
  first.tabs.tell(1, record(1))
  first.tabs.tell(2, record(2))
  const second = openTab(name)
  await second.heard(2)
  first.tabs.tell(3, record(3))
  first.tabs.tell(4, record(4))
  await second.heard(4)
  assert.deepEqual(second.seqs.filter((seq) => seq > 0), [2, 3, 4])
  second.tabs.tell(5, record(5))
  await first.heard(5)
  first.tabs.close()
  second.tabs.close()
})

test('a commit made between the greeting and its answer is told when the other is heard', async () => {
  const name = freshName()
  const first = openTab(name)
  const second = openTab(name)
  // No message was delivered yet: each believes to be alone.
  first.tabs.tell(1, record(1))
  second.tabs.tell(2, record(2))
  await Promise.all([first.heard(2), second.heard(1)])
  first.tabs.close()
  second.tabs.close()
})

function withResolvers() {
  let resolve
  const promise = new Promise((done) => (resolve = done))
  return { promise, resolve }
}
