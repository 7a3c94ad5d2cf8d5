import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { sha224, sha256 } from './sha256.ts'

it('hashes messages of every length around the block as Node does', () => {
  for (let length = 0; length < 140; length++) {
    const message = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 0xff)
    const expected = (name: string) => createHash(name).update(message).digest('hex')
    expect(Buffer.from(sha224(message)).toString('hex')).toBe(expected('sha224'))
    expect(Buffer.from(sha256(message)).toString('hex')).toBe(expected('sha256'))
  }
})
