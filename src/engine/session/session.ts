// TensorFlow's session of a state: one graph, which only grows, and the variables in it.
import { closeSync } from 'node:fs';
import { NativeGraph, type GraphAddon, type Handle } from '../load/addon.js';
import { type FileArray, type Resource, VariableAccess } from './variable-access.js';
import type { StateVariable } from './state-variable.js';

export class Session {
  private current: { graph: NativeGraph; access: VariableAccess };
  /** Descriptors of the files in which tables stay. */
  private readonly files: number[] = [];

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

  /** Writes values of a file into a resource. Where a table stays in its file, the session keeps it open until `close`. */
  writeFile(resource: Resource, file: FileArray): Promise<void> {
    if (!resource.isInFile) return this.access.writeFile(resource, file);
    const descriptor = this.addon.duplicate(file.descriptor);
    this.files.push(descriptor);
    return this.access.writeFile(resource, { ...file, descriptor });
  }

  /** Ends the session and closes its files. No run may be under way. */
  close(): void {
    this.graph.close();
    for (const file of this.files.splice(0)) closeSync(file);
  }

  private open(): { graph: NativeGraph; access: VariableAccess } {
    const graph = new NativeGraph(this.addon, this.config, this.target);
    return { graph, access: new VariableAccess(graph) };
  }
}
