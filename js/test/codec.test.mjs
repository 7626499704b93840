// The codec against the vectors that the core is tested with too.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const bundle = await build({ entryPoints: [here('../src/codec.ts')], bundle: true, format: 'esm', write: false })
const codec = await import(`data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString('base64')}`)
const { DEPTH_MAX, Encoder, decode } = codec
const vectors = JSON.parse(readFileSync(here('../../tests/fixtures/documents.json'), 'utf8'))

function encode(value, name) {
  const out = new Encoder(1)
  codec.encode(value, out, name)
  return out.written().slice()
}

const hex = (bytes) => Buffer.from(bytes).toString('hex')
const roundTrip = (value) => decode(encode(value))

/** JSON in the order of its keys, except that JavaScript moves keys that are integers to the front. */
function check(value) {
  const back = roundTrip(value)
  assert.deepEqual(back, value)
  assert.equal(JSON.stringify(back), JSON.stringify(value))
}

test('the vectors are encoded to the same bytes, and back', () => {
  assert.ok(vectors.valid.length > 40)
  for (const { hex: expected, json } of vectors.valid) {
    const bytes = new Uint8Array(Buffer.from(expected, 'hex'))
    assert.deepEqual(decode(bytes), JSON.parse(json), json)
    assert.equal(hex(encode(JSON.parse(json))), expected, json)
    const moved = new Uint8Array([0xff, ...bytes, 0xff])
    assert.deepEqual(decode(moved, 1, moved.length - 1), JSON.parse(json))
  }
})

test('damaged vectors are refused', () => {
  // Only the core insists on the shortest form: what it hands out has it.
  const forms = new Set(['NotShortest', 'NotFinite', 'Integer'])
  for (const { hex: text, why } of vectors.invalid) {
    const bytes = new Uint8Array(Buffer.from(text, 'hex'))
    if (!forms.has(why)) assert.throws(() => decode(bytes), { name: 'DocumentError', code: 'bad_document' }, text)
  }
  const whole = encode({ id: 'SKU-1', tags: ['a', 'ü'.repeat(40)], price: 19.99, n: 5e-324 })
  for (let cut = 0; cut < whole.length; cut++) assert.throws(() => decode(whole, 0, cut), { name: 'DocumentError' })
})

test('numbers come back exactly', () => {
  const numbers = [0, -0, 1, -1, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53, 0.1 + 0.2]
  numbers.push(0.01, -0.01, 129.99, 1e21, 5e-324, Number.MAX_VALUE, 2 ** 48 / 100, (2 ** 48 - 1) / 100, -(2 ** 48 - 1) / 100)
  for (let cents = -20000; cents < 20000; cents++) numbers.push(cents / 100)
  for (const number of numbers) assert.ok(Object.is(roundTrip(number), number), String(number))
})

test('strings of every length and script come back', () => {
  for (const piece of ['a', 'ü', '茶', '😀', '\uFEFF', '\0']) {
    for (let length = 0; length < 140; length++) check(piece.repeat(length))
    check(piece.repeat(20000))
  }
  // Keys with the same hash slot or the same length are told apart.
  const fields = {}
  for (let index = 0; index < 5000; index++) fields[`key${index}`] = index
  check(fields)
  check(fields)
})

test('a key __proto__ is an own field like any other', () => {
  const value = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":2},"toString":3}')
  const back = roundTrip(value)
  assert.equal(JSON.stringify(back), JSON.stringify(value))
  assert.deepEqual(Object.keys(back), ['__proto__', 'constructor', 'toString'])
  assert.equal(Object.getPrototypeOf(back), Object.prototype)
  assert.equal({}.polluted, undefined)
})

test('undefined is left out as in JSON, also from large objects', () => {
  assert.deepEqual(roundTrip({ a: undefined, b: [undefined, 1] }), { b: [null, 1] })
  for (let count = 10; count < 20; count++) {
    const value = Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index % 5 === 0 ? undefined : index]))
    assert.deepEqual(roundTrip(value), JSON.parse(JSON.stringify(value)))
  }
  const date = new Date(0)
  assert.deepEqual(roundTrip({ date }), { date: date.toJSON() })
  assert.deepEqual(roundTrip(Object.assign(Object.create(null), { a: 1 })), { a: 1 })
})

test('what is no JSON is refused with its place', () => {
  const cycle = { a: [{}] }
  cycle.a[0].self = cycle.a
  const deep = JSON.parse('['.repeat(DEPTH_MAX + 1) + ']'.repeat(DEPTH_MAX + 1))
  const cases = [
    [{ products: [0, 1, 2, { price: NaN }] }, 'products[3].price: NaN is not a JSON number'],
    [-Infinity, '-Infinity is not a JSON number'],
    [undefined, 'undefined is not a JSON value'],
    [{ f() {} }, 'f: a function is not a JSON value'],
    [{ s: Symbol('x') }, 's: a symbol is not a JSON value'],
    [[1n], '[0]: a bigint is not a JSON value'],
    [{ m: new Map() }, 'm: a Map is not a JSON value'],
    [{ 'odd key': '\uD800' }, '["odd key"]: the string has a lone surrogate'],
    [{ t: 'x'.repeat(100) + '\uDC00' }, 't: the string has a lone surrogate'],
    [{ '\uD800': 1 }, '["\\ud800"]: the key has a lone surrogate'],
    [cycle, 'a[0].self: contains itself'],
    [deep, '[0]'.repeat(DEPTH_MAX) + ': nested deeper than 64 levels'],
  ]
  for (const [value, message] of cases) assert.throws(() => encode(value), { name: 'DocumentError', code: 'bad_document', message })
  assert.throws(() => encode({ price: NaN }, 'products[3]'), { message: 'products[3].price: NaN is not a JSON number' })
  const out = new Encoder()
  codec.encode(1, out)
  assert.throws(() => codec.encode([1, 2, NaN], out))
  assert.deepEqual([...out.written()], [1], 'nothing is left of a refused value')
  const ok = JSON.parse('['.repeat(DEPTH_MAX) + ']'.repeat(DEPTH_MAX))
  assert.deepEqual(roundTrip(ok), ok)
})

test('what is decoded is frozen on request', () => {
  const value = decode(encode({ a: [{ b: 1 }] }), 0, undefined, true)
  assert.ok([value, value.a, value.a[0]].every(Object.isFrozen))
  assert.ok(!Object.isFrozen(roundTrip({})))
})

test('random values come back', () => {
  let seed = 1
  const random = (bound) => (seed = (seed * 48271) % 2147483647) % bound
  const any = (depth) => {
    switch (random(depth === 0 ? 6 : 8)) {
      case 0: return null
      case 1: return random(2) === 0
      case 2: return (random(2) === 0 ? -1 : 1) * random(2 ** 31) * (random(2) === 0 ? 1 : 2 ** 20)
      case 3: return random(2 ** 31) / (1 + random(1000))
      case 4: return random(2 ** 31) / 100
      case 5: return 'aü茶😀'.slice(0, [0, 1, 2, 3, 5][random(5)]).repeat(random(40))
      case 6: return Array.from({ length: random(20) }, () => any(depth - 1))
      default: return Object.fromEntries(Array.from({ length: random(20) }, () => [`k${random(99)}ü`.slice(0, 1 + random(5)), any(depth - 1)]))
    }
  }
  for (let round = 0; round < 2000; round++) check(any(3))
})
