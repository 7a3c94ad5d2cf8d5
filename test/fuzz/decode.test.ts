/**
 * Random bytes and damaged frames: nothing that reads frames may throw, and every byte comes back,
 * padding aside. ENCAP_DEEP runs a million of them; ENCAP_FUZZ_SEED repeats a failure.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type RandomStream, RandomStreams } from '../../src/sim/random.ts'
import { decode } from '../../src/wire/decode.ts'
import { describe as describeFrame } from '../../src/wire/describe.ts'
import { encode } from '../../src/wire/encode.ts'
import { flowHash } from '../../src/wire/flow-hash.ts'
import { ETHERTYPE_ARP, ETHERTYPE_IPV4 } from '../../src/wire/frame.ts'
import { anyFrame } from './frames.ts'

const RUNS = process.env['ENCAP_DEEP'] ? 1_000_000 : 50_000
const SEED = process.env['ENCAP_FUZZ_SEED'] ?? '20261122'

function randomBytes(random: RandomStream): Uint8Array {
  return Uint8Array.from({ length: random.integer(0, 120) }, () => random.integer(0, 255))
}

/** A sound frame with bytes changed, cut off, added or moved. */
function mutated(original: Uint8Array, random: RandomStream): Uint8Array {
  let bytes = original.slice()
  for (let n = random.integer(0, 4); n > 0; n--) {
    const at = random.integer(0, Math.max(0, bytes.length - 1))
    switch (random.integer(0, 4)) {
      case 0:
        bytes = bytes.slice(0, at)
        break
      case 1:
        bytes = Uint8Array.from([...bytes, ...randomBytes(random)])
        break
      case 2:
        bytes.copyWithin(at, random.integer(0, bytes.length))
        break
      default:
        if (bytes.length > 0) bytes[at] = bytes[at]! ^ (1 << random.integer(0, 7))
    }
  }
  return bytes
}

function complaintAbout(bytes: Uint8Array): string | null {
  const frame = decode(bytes)
  if (describeFrame(frame).length === 0 || flowHash(frame, 1) === 0) return 'not described'
  const encoded = encode(frame)
  if (bytes.length < 14) return null
  const bounded = frame.etherType === ETHERTYPE_IPV4 || frame.etherType === ETHERTYPE_ARP
  if (bounded ? encoded.length > bytes.length : encoded.length !== bytes.length) return 'length'
  return encoded.every((byte, at) => byte === bytes[at]) ? null : 'other bytes'
}

it(`reads ${RUNS} random and damaged frames, seed ${SEED}`, () => {
  const random = new RandomStreams(SEED).stream('fuzz')
  const corpus = fc.sample(anyFrame, { numRuns: 500, seed: random.int32() }).map(encode)
  let sound = 0
  for (let run = 0; run < RUNS; run++) {
    const seedling = corpus[random.integer(0, corpus.length - 1)]!
    const bytes = run % 4 === 0 ? randomBytes(random) : mutated(seedling, random)
    let complaint: string | null
    try {
      complaint = complaintAbout(bytes)
    } catch (error) {
      complaint = String(error)
    }
    if (complaint === null) sound++
    else {
      const hex = Buffer.from(bytes).toString('hex')
      expect.fail(`${complaint}; ENCAP_FUZZ_SEED=${SEED}, run ${run}, frame ${hex}`)
    }
  }
  expect(sound).toBe(RUNS)
})
