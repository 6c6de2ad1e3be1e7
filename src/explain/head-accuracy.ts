// Which attention heads find the regions that words name, without having been trained to: section 5 of the VisualBERT paper.
import type { LayerAttention } from './trace.js';

/** A phrase in a text, and the regions of the image that match it. */
export interface EntityPhrase {
  /** Text position of the word whose attention is read. */
  position: number;
  matches: readonly number[];
}

/** Shares of phrases, from 0 to 1. */
export interface HeadAccuracy {
  /** `[layers][heads]`: how often the region that the phrase's word attends to most matches the phrase. */
  heads: number[][];
  /** The head with the highest accuracy. */
  best: { layer: number; head: number; accuracy: number };
  /** The accuracy of always choosing one region: the one that matches most phrases. */
  baseline: { region: number; accuracy: number };
  phrases: number;
}

/**
 * Accumulates phrases and computes the accuracy of each head. A phrase without a matching region counts as missed, as in the paper's recall.
 * @see https://arxiv.org/abs/1908.03557 section 5.1
 */
export class HeadAccuracyTest {
  private readonly right: number[][] = [];
  private readonly sameRegion: number[] = [];
  private phrases = 0;

  /** @param layers of the sequence of text and regions; `text`, the length of the text, is the first region's position */
  add(layers: readonly LayerAttention[], text: number, phrases: readonly EntityPhrase[]): void {
    for (const { position, matches } of phrases) {
      this.phrases++;
      for (const region of matches) this.sameRegion[region] = (this.sameRegion[region] ?? 0) + 1;
      layers.forEach(({ heads, size, attention }, layer) => {
        const counts = (this.right[layer] ??= Array.from({ length: heads }, () => 0));
        for (let head = 0; head < heads; head++) {
          const start = (head * size + position) * size;
          const regions = attention.subarray(start + text, start + size);
          const most = regions.reduce((best, value, region) => (value > (regions[best] as number) ? region : best), 0);
          if (regions.length > 0 && matches.includes(most)) counts[head] = (counts[head] as number) + 1;
        }
      });
    }
  }

  compute(): HeadAccuracy {
    const share = (count: number): number => (this.phrases === 0 ? 0 : count / this.phrases);
    const heads = this.right.map((counts) => counts.map(share));
    const all = heads.flatMap((row, layer) => row.map((accuracy, head) => ({ layer, head, accuracy })));
    const best = all.reduce((a, b) => (b.accuracy > a.accuracy ? b : a), { layer: 0, head: 0, accuracy: 0 });
    const counts = Array.from(this.sameRegion, (count = 0) => count);
    const region = counts.reduce((found, count, i) => (count > (counts[found] as number) ? i : found), 0);
    return { heads, best, baseline: { region, accuracy: share(counts[region] ?? 0) }, phrases: this.phrases };
  }
}
