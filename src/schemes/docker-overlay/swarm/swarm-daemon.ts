import type { Program } from '../../../control/program/program.ts'
import type { Host } from '../../../host/host.ts'
import type { Process } from '../../../sim/process.ts'
import type { Daemon, NetworkMember, NetworkSpec } from '../../contract.ts'
import { EngineDaemon, type EngineMode } from '../engine-daemon.ts'
import { GatewayBridge } from '../gateway-bridge.ts'
import type { DockerOverlayOptions } from '../options.ts'
import type { ManagerPlace } from './manager.ts'
import { SwarmEngine } from './swarm-engine.ts'
import { type RunningAttachment, SwarmState } from './swarm-state.ts'

const MANAGERS_MAX = 3

class SwarmMode implements EngineMode<RunningAttachment> {
  readonly state: SwarmState
  private readonly managers: readonly ManagerPlace[]
  private readonly options: DockerOverlayOptions

  constructor(host: Host, { options, members }: NetworkSpec<DockerOverlayOptions>) {
    this.options = options
    this.managers = managersOf(options, members)
    const bridge = new GatewayBridge(host, options, options.ingress ? 1 : 0)
    this.state = new SwarmState(host, bridge)
  }

  launch(program: Program): SwarmEngine {
    return new SwarmEngine(program, this.state, this.managers, this.options)
  }

  /** At the first manager. */
  isCreator(): boolean {
    return this.managers[0]?.name === this.state.host.name
  }

  isRestartable(): boolean {
    return true
  }

  leave(engine: SwarmEngine): Process {
    return engine.leaveSwarm()
  }
}

/** Those that the operator names, or else the first three hosts, or the first of two. */
function managersOf(
  { managers }: DockerOverlayOptions,
  members: readonly NetworkMember[],
): readonly ManagerPlace[] {
  const places = members.map(({ host, address }) => ({ name: host, address }))
  if (managers === undefined)
    return places.slice(0, places.length < MANAGERS_MAX ? 1 : MANAGERS_MAX)
  return managers.flatMap((name) => places.find((place) => place.name === name) ?? [])
}

/** By host: there is one daemon, whatever the number of networks. */
const daemons = new WeakMap<Host, EngineDaemon<RunningAttachment>>()

/** The daemon of a host as one network sees it. */
export function startSwarm(host: Host, network: NetworkSpec<DockerOverlayOptions>): Daemon {
  const daemon = daemons.get(host) ?? new EngineDaemon(new SwarmMode(host, network))
  daemons.set(host, daemon)
  daemon.addNetwork(network)
  return daemon
}
