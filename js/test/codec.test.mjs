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

/** What the JSON flavour of the wire writes as objects of one field. */
function revive(key, value) {
  const [only, ...more] = Object.keys(value ?? {})
  if (typeof value !== 'object' || more.length > 0) return value
  switch (only) {
    case '$date': return new Date(value.$date)
    case '$bigint': return BigInt(value.$bigint)
    case '$bytes': return new Uint8Array(Buffer.from(value.$bytes, 'base64'))
    default: return /^\$\$+(date|bigint|bytes)$/.test(only) ? { [only.slice(1)]: value[only] } : value
  }
}

test('the vectors are encoded to the same bytes, and back', () => {
  assert.ok(vectors.valid.length > 70)
  for (const { hex: expected, json } of vectors.valid) {
    const bytes = new Uint8Array(Buffer.from(expected, 'hex'))
    const value = JSON.parse(json, revive)
    assert.deepEqual(decode(bytes), value, json)
    assert.equal(hex(encode(value)), expected, json)
    const moved = new Uint8Array([0xff, ...bytes, 0xff])
    assert.deepEqual(decode(moved, 1, moved.length - 1), value)
  }
})

test('damaged vectors are refused', () => {
  // Only the core insists on the shortest form: what it hands out has it.
  const forms = new Set(['NotShortest', 'NotFinite', 'Integer', 'Date', 'BigInteger'])
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
    for (const length of [511, 512, 513, 1023, 1024, 1025, 20000]) check(piece.repeat(length))
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
  const sparse = [1, , 3]
  assert.deepEqual(roundTrip({ sparse }), { sparse: [1, null, 3] })
  assert.deepEqual(roundTrip({ a: 1, [Symbol('b')]: 2 }), { a: 1 }, 'symbol keys are left out as in JSON')
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
    [[1n << 8192n], '[0]: a bigint of more than 1024 bytes'],
    [{ d: new Date(NaN) }, 'd: an invalid Date'],
    [{ m: new Map() }, 'm: a Map is not a JSON value'],
    [{ s: new Set() }, 's: a Set is not a JSON value'],
    [{ n: new Number(1) }, 'n: a Number is not a JSON value'],
    [{ n: new String('x') }, 'n: a String is not a JSON value'],
    [{ n: Object(1n) }, 'n: a BigInt is not a JSON value'],
    [{ r: /x/ }, 'r: a RegExp is not a JSON value'],
    [{ p: Promise.resolve() }, 'p: a Promise is not a JSON value'],
    [{ j: { toJSON: () => 1 } }, 'j.toJSON: a function is not a JSON value'],
    [new (class { toJSON() {} })(), '["toJSON()"]: undefined is not a JSON value'],
    [new Array(2 ** 32 - 1), 'encoded, it takes more than 268435456 bytes'],
    [JSON.parse('['.repeat(10_000) + ']'.repeat(10_000)), '[0]'.repeat(DEPTH_MAX) + ': nested deeper than 64 levels'],
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

test('bytes, dates and big integers come back as what they were', () => {
  const dates = [0, 1, -1, 127, 128, 1732406400123, -62135596800000, 8.64e15, -8.64e15]
  for (const ms of dates) {
    const back = roundTrip(new Date(ms))
    assert.ok(back instanceof Date)
    assert.equal(back.getTime(), ms)
  }
  for (const size of [0n, 1n, 7n, 8n, 9n, 53n, 63n, 64n, 65n, 1000n, 8191n]) {
    for (const value of [1n << size, (1n << size) - 1n, -(1n << size), 1n - (1n << size)]) assert.equal(roundTrip(value), value)
  }
  assert.equal(roundTrip((1n << 8192n) - 1n), (1n << 8192n) - 1n)
  const bytes = Uint8Array.from({ length: 300 }, (_, index) => index)
  const back = roundTrip({ bytes })
  assert.ok(back.bytes instanceof Uint8Array)
  assert.deepEqual(back.bytes, bytes)
  // A view stands for the bytes that it shows.
  assert.deepEqual(roundTrip(bytes.subarray(3, 7)), bytes.slice(3, 7))
  assert.deepEqual(roundTrip(new DataView(bytes.buffer, 1, 2)), bytes.slice(1, 3))
  assert.deepEqual(roundTrip(bytes.buffer), bytes)
  assert.deepEqual(roundTrip(Buffer.from('xyz')), new Uint8Array([120, 121, 122]))
  assert.deepEqual(roundTrip(new Float64Array([0.5])), new Uint8Array(new Float64Array([0.5]).buffer))
  // As deep as any scalar may be.
  let deep = new Date(7)
  for (let level = 0; level < DEPTH_MAX; level++) deep = [deep]
  assert.deepEqual(roundTrip(deep), deep)
})

test('what cannot be frozen is not kept, and shares no memory', () => {
  const bytes = encode([new Date(5), new Uint8Array([1, 2]), 3n])
  const first = decode(bytes, 0, undefined, true)
  first[0].setTime(9)
  first[1][0] = 9
  assert.deepEqual(decode(bytes, 0, undefined, true), [new Date(5), new Uint8Array([1, 2]), 3n])
  const three = new Uint8Array([...encode({ a: 1 }), ...bytes, ...encode({ b: [1n] })])
  const rows = codec.decodeAll(three, 0, three.length, 3, true)
  assert.deepEqual(rows.map(codec.isKeepable), [true, false, true])
  assert.ok(codec.isKeepable(decode(encode('text'))))
  for (const value of [{ deep: [{ at: new Date(1) }] }, { blob: new Uint8Array(1) }]) assert.ok(!codec.isKeepable(decode(encode(value))))
})

test('class instances are their fields, or what their toJSON says', () => {
  class Price {
    #hidden = 1
    constructor() { this.amount = 5 }
    get shown() { return this.#hidden }
  }
  assert.deepEqual(roundTrip({ price: new Price() }), { price: { amount: 5 } })
  assert.deepEqual(roundTrip([new (class { toJSON() { return { day: new Date(1) } } })()]), [{ day: new Date(1) }])
  assert.throws(() => encode(new (class { toJSON() { return this } })()), { message: /contains itself|deeper/ })
})

test('getters: an error is passed on, and changing answers leave no broken bytes', () => {
  const thrown = new Error('from the getter')
  const out = new Encoder()
  codec.encode('kept', out)
  const before = hex(out.written())
  assert.throws(() => codec.encode([1, { get bad() { throw thrown } }], out), (error) => error === thrown)
  assert.equal(hex(out.written()), before)
  // Some fields vanish when they are read.
  for (const count of [3, 15, 16, 17, 127, 128, 200]) {
    for (const gone of [1, 2, count - 1, count]) {
      const value = {}
      for (let index = 0; index < count; index++) {
        let asked = 0
        Object.defineProperty(value, `k${index}`, { enumerable: true, get: () => (index < gone || asked++ > 0 ? undefined : index) })
      }
      const back = roundTrip(value)
      assert.deepEqual(Object.values(back), Array.from({ length: count - gone }, (_, index) => index + gone))
    }
  }
  // A getter that encodes something of its own.
  const nested = { a: 1, get b() { encode({ z: [1, 2, 3] }); return 2 }, c: NaN }
  assert.throws(() => encode(nested), { message: 'c: NaN is not a JSON number' })
})

test('of two equal keys the first counts', () => {
  const field = (key, value) => [0x80 | key.length, ...Buffer.from(key), value]
  const twice = new Uint8Array([0xc3, ...field('a', 1), ...field('b', 2), ...field('a', 3)])
  const proto = new Uint8Array([0xc2, ...field('__proto__', 1), ...field('__proto__', 2)])
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(decode(twice), { a: 1, b: 2 })
    assert.equal(JSON.stringify(decode(proto)), '{"__proto__":1}')
    assert.deepEqual(decode(new Uint8Array([0xc2, ...field('a', 1), ...field('b', 3)])), { a: 1, b: 3 })
  }
})

test('large and odd documents come back', () => {
  const large = new Uint8Array(16 << 20).fill(0xa5)
  assert.equal(Buffer.compare(roundTrip({ large }).large, large), 0)
  for (const text of ['x'.repeat(1 << 20), 'ä'.repeat(1 << 20), 'a😀'.repeat(1 << 19), 'x'.repeat(16 << 20)]) assert.ok(roundTrip({ text }).text === text)
  const many = {}
  for (let index = 0; index < 100_000; index++) many[`key ${index}`] = index
  assert.deepEqual(roundTrip(many), many)
  check({ 'a\0b': 1, '\0': 2, '\uFEFF': 3, '\uFEFFx': 4, '': 5, ['k'.repeat(100)]: 6, ['\u{1F600}'.repeat(30)]: 7 })
  const hostile = new Uint8Array(10_000).fill(0xd1)
  assert.throws(() => decode(hostile), { message: `document, byte ${DEPTH_MAX + 1}: nested deeper than 64 levels` })
})

test('strings around the edges of a window, and mixed ones, come back', () => {
  for (const size of [4090, 4095, 4096, 4097, 8191, 8192, 8193]) {
    for (const end of ['', 'ü', '茶', '😀']) check(['x', 'y'.repeat(size) + end, 'ä', end + 'z'.repeat(size), 'tail'])
  }
  const words = ['plain', 'größer', 'señor', '日本', 'a', '€', '\u0800', '\uD7FF', '\uE000', '\uFFFF', '\x7F\x80', 'ÿĀ', '😀']
  const rows = Array.from({ length: 3000 }, (_, row) => {
    const text = Array.from({ length: row % 40 }, (_, index) => (index % (2 + (row % 7)) ? 'word' : words[(row + index) % words.length]))
    return { id: row, text: text.join(' '), more: text.reverse().join('') }
  })
  check(rows)
})

test('no malformed string is let through in a mixed one', () => {
  const sequences = [[0x80], [0xbf, 0x80], [0xc0, 0xaf], [0xc1, 0xbf], [0xc3], [0xc3, 0x41], [0xe0, 0x80, 0xaf], [0xe0, 0x9f, 0xbf],
    [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xe2, 0x82], [0xe2, 0x28, 0xa1], [0xc3, 0xc3], [0xe2, 0x82, 0xc3], [0xf0, 0x80, 0x80, 0xaf], [0xf4, 0x90, 0x80, 0x80],
    [0xf8, 0x88, 0x80, 0x80, 0x80], [0xff]]
  for (const sequence of sequences) {
    for (const before of [0, 30]) {
      for (const after of [0, 9]) {
        const content = [...new Array(before).fill(0x61), ...sequence, ...new Array(after).fill(0x62)]
        // What follows the string could continue a sequence that it cuts.
        const bytes = new Uint8Array([0xd2, 0x80 | content.length, ...content, 0x80])
        assert.throws(() => decode(bytes), { message: /not utf-8/ }, `${sequence}`)
      }
    }
  }
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
    switch (random(depth === 0 ? 9 : 11)) {
      case 0: return null
      case 1: return random(2) === 0
      case 2: return (random(2) === 0 ? -1 : 1) * random(2 ** 31) * (random(2) === 0 ? 1 : 2 ** 20)
      case 3: return random(2 ** 31) / (1 + random(1000))
      case 4: return random(2 ** 31) / 100
      case 5: return 'aü茶😀'.slice(0, [0, 1, 2, 3, 5][random(5)]).repeat(random(40))
      case 6: return new Date((random(2) === 0 ? -1 : 1) * random(2 ** 31) * random(4_000_000))
      case 7: return (random(2) === 0 ? -1n : 1n) * BigInt(random(2 ** 31)) ** BigInt(random(20))
      case 8: return Uint8Array.from({ length: random(99) }, () => random(256))
      case 9: return Array.from({ length: random(20) }, () => any(depth - 1))
      default: return Object.fromEntries(Array.from({ length: random(20) }, () => [`k${random(99)}ü`.slice(0, 1 + random(5)), any(depth - 1)]))
    }
  }
  for (let round = 0; round < 2000; round++) {
    const value = any(3)
    const back = roundTrip(value)
    assert.deepEqual(back, value)
    assert.equal(hex(encode(back)), hex(encode(value)))
  }
})
