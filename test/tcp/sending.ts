import type { TcpSocket } from '../../src/stack/tcp/tcp-socket.ts'
import { Conversation, type Offer, type Segment } from './conversation.ts'

/** Content bytes of a full segment with timestamps. */
export const MSS = 1448
/** Round-trip time of these connections, milliseconds. */
export const RTT = 20

/** Where segment `index` begins, counted from 0; the end of the one before. */
export const at = (index: number): number => 1 + index * MSS

/** The text of full segment `index`. */
export const full = (index: number): string => `. ${at(index)}:${at(index + 1)}(${MSS}) ack 1`

/** The option that reports segments [from, to). */
export const sack = (from: number, to: number): string => ` <sack ${at(from)}:${at(to)}>`

/** A connection that has sent its first window of ten, at most, and has waited a round trip since. */
export function sending(
  segments: number,
  offer: Offer = {},
): { talk: Conversation; socket: TcpSocket } {
  const talk = new Conversation()
  const socket = talk.connect({ rtt: RTT, ...offer })
  socket.write(segments * MSS)
  for (let i = 0; i < Math.min(segments, 10); i++) talk.receive(full(i), 0.1)
  talk.wait(RTT)
  return { talk, socket }
}

/** Numbers of the segments that the host has sent; null for what is not a full segment. */
export function numbers(segments: readonly Segment[]): (number | null)[] {
  return segments.map(({ sequence, length }) => (length === MSS ? (sequence - 1) / MSS : null))
}
