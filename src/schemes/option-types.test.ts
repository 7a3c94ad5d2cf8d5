import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { ipv4, prefix } from '../wire/ipv4-address.ts'
import { mac } from '../wire/mac-address.ts'
import { fraction, ipv4Address, ipv4Prefix, macAddress, rate, size } from './option-types.ts'

describe('the types of values', () => {
  it.each<[string, z.ZodType, unknown, unknown]>([
    ['rate', rate(), '10Gbps', 10e9],
    ['size', size(), 1500, 1500],
    ['fraction', fraction(), '5%', 0.05],
    ['address', ipv4Address(), '10.0.1.5', ipv4('10.0.1.5')],
    ['address', ipv4Address(), '255.255.255.255', -1],
    ['prefix', ipv4Prefix(), '10.244.0.0/16', prefix('10.244.0.0/16')],
    ['prefix', ipv4Prefix(), '0.0.0.0/0', { base: 0, length: 0 }],
    ['MAC', macAddress(), '02:42:0A:00:01:05', mac('02:42:0a:00:01:05')],
  ])('%s %#', (_name, schema, input, value) => {
    expect(schema.parse(input)).toEqual(value)
  })

  it.each<[string, z.ZodType, unknown, RegExp, RegExp]>([
    ['octal address', ipv4Address(), '010.0.0.1', /not an IPv4 address/, /leading zeros/],
    ['short address', ipv4Address(), '10.1', /not an IPv4 address/, /10\.0\.1\.5/],
    ['number', ipv4Address(), 10.1, /10.1 is not an IPv4 address/, /10\.0\.1\.5/],
    ['block without length', ipv4Prefix(), '10.0.0.0', /not an address block/, /\/16/],
    ['block with host bits', ipv4Prefix(), '10.0.0.1/8', /bits beyond/, /10\.0\.0\.0\/8/],
    ['block too long', ipv4Prefix(), '10.0.0.0/33', /not an address block/, /\/16/],
    ['group MAC', macAddress(), '01:00:5e:00:00:01', /group address/, /02:42/],
    ['zero MAC', macAddress(), '00:00:00:00:00:00', /all zeros/, /02:42/],
    ['MAC with dashes', macAddress(), '02-42-0a-00-01-05', /not a MAC address/, /02:42/],
    ['mapping', rate(), {}, /a mapping is not a rate/, /10Gbps/],
  ])('refuses a %s', (_name, schema, input, message, remedy) => {
    const [issue, ...others] = schema.safeParse(input).error!.issues
    expect(others).toEqual([])
    expect(issue!.message).toMatch(message)
    expect(issue).toMatchObject({ params: { remedy: expect.stringMatching(remedy) } })
  })
})
