import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'

describe('base64', () => {
  it('agrees with Node for all lengths and bytes', () => {
    const random = new RandomStreams('base64').stream('bytes')
    for (let length = 0; length < 300; length++) {
      const most = length % 2 === 0 ? 255 : 127
      const bytes = Buffer.from(Array.from({ length }, () => random.integer(0, most)))
      const text = bytes.toString('base64')
      expect(encodeBase64(bytes.toString('latin1'))).toBe(text)
      expect(decodeBase64(text)).toBe(bytes.toString('latin1'))
    }
    const long = 'x\xff'.repeat(50_000)
    expect(decodeBase64(encodeBase64(long))).toBe(long)
  })

  it('leaves line ends out', () => {
    expect(decodeBase64('YW\r\nE=\n')).toBe('aa')
  })

  it.each([
    ['YQ', 0],
    ['YWFhY', 4],
    ['***', 0],
    ['YW-h', 2],
    ['YWF\u0141', 3],
    ['=QQQ', 0],
    ['Y===', 1],
    ['YQ=', 3],
    ['YQ=a', 2],
    ['YQ==YQ==', 4],
  ])('says where %s is wrong', (text, faultAt) => {
    expect(decodeBase64(text)).toEqual({ faultAt })
  })
})
