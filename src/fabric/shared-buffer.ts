import type { Port } from '../link/port.ts'

/**
 * The packet memory of a switch, shared by its ports with a dynamic threshold (Choudhury and Hahne):
 * a port may queue up to `alpha` times what is free, so one congested port settles at
 * alpha / (1 + alpha) of the memory and leaves the rest to others.
 *
 * Occupancy is the sum of the ports' queues, bytes in transmission included; cells are not rounded up.
 * The sum is taken for every frame that leaves: this option costs time that grows with the ports.
 */
export class SharedBuffer {
  private readonly bytes: number
  private readonly alpha: number
  private readonly ports: readonly Port[]

  constructor(bytes: number, alpha: number, ports: readonly Port[]) {
    this.bytes = bytes
    this.alpha = alpha
    this.ports = ports
  }

  get used(): number {
    let used = 0
    for (const port of this.ports) used += port.queueLength
    return used
  }

  /** Whether a frame of `length` bytes may join the queue of `port`. */
  admits(port: Port, length: number): boolean {
    const free = this.bytes - this.used
    return length <= free && port.queueLength + length <= this.alpha * free
  }
}
