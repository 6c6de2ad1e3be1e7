// TensorFlow's session of a state: one graph, which only grows, and the variables in it.
import { NativeGraph, type GraphAddon, type Handle } from '../load/addon.js';
import { VariableAccess } from './variable-access.js';
import type { StateVariable } from './state-variable.js';

export class Session {
  private current: { graph: NativeGraph; access: VariableAccess };

  /** @param target of the server that runs the session; empty: none. */
  constructor(
    private readonly addon: GraphAddon,
    private readonly config: Uint8Array,
    private readonly target: string,
  ) {
    this.current = this.open();
  }

  get graph(): NativeGraph {
    return this.current.graph;
  }

  get access(): VariableAccess {
    return this.current.access;
  }

  /** Starts again with an empty graph and the same variables, of which those in `filled` keep their values. */
  async restart(variables: readonly StateVariable[], filled: readonly StateVariable[]): Promise<void> {
    const values: Handle<'tensor'>[] = [];
    for (const resource of filled.flatMap(({ resources }) => resources)) values.push(await this.access.hold(resource));
    this.graph.close();
    this.current = this.open();
    for (const variable of variables) variable.moveTo(this.graph);
    const entered = filled.flatMap(({ resources }) => resources);
    await this.access.enter(entered);
    for (const [index, resource] of entered.entries())
      await this.access.restore(resource, values[index] as Handle<'tensor'>);
  }

  private open(): { graph: NativeGraph; access: VariableAccess } {
    const graph = new NativeGraph(this.addon, this.config, this.target);
    return { graph, access: new VariableAccess(graph) };
  }
}
