// Recall of phrase grounding among the first regions, and the upper bound that the regions allow; of all phrases and by type.

/** Numbers of predicted regions. */
export const RECALL_AT = [1, 5, 10] as const;

/** Accumulates phrases: each with its regions by descending score, and those that match. */
export class PhraseRecall {
  private readonly all = new Counts();
  private readonly byType = new Map<string, Counts>();

  /**
   * @param ranked regions, best first; @param matching regions that overlap a box of the phrase by half. A phrase without any still counts,
   *   so that 100% may be out of reach. @param types of the phrase; it counts for each of them.
   */
  add(ranked: readonly number[], matching: readonly number[], types: readonly string[] = []): void {
    this.all.add(ranked, matching);
    for (const type of types) {
      const counts = this.byType.get(type) ?? new Counts();
      this.byType.set(type, counts);
      counts.add(ranked, matching);
    }
  }

  /** Percentages: `R@1`, `R@5`, `R@10`, `upper bound`. Empty when nothing was added. */
  compute(): Record<string, number> {
    return this.all.percents();
  }

  /** The percentages of each type of phrases, and how many `phrases` it has; types by name. */
  computeByType(): Record<string, Record<string, number>> {
    const types = [...this.byType].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      types.map(([type, counts]) => [type, { ...counts.percents(), phrases: counts.phrases }] as const),
    );
  }
}

class Counts {
  phrases = 0;
  private findable = 0;
  private readonly found = RECALL_AT.map(() => 0);

  add(ranked: readonly number[], matching: readonly number[]): void {
    this.phrases += 1;
    if (matching.length === 0) return;
    this.findable += 1;
    const rank = ranked.findIndex((region) => matching.includes(region));
    RECALL_AT.forEach((k, i) => {
      if (rank >= 0 && rank < k) this.found[i] = (this.found[i] as number) + 1;
    });
  }

  percents(): Record<string, number> {
    if (this.phrases === 0) return {};
    const percent = (count: number): number => (100 * count) / this.phrases;
    return {
      ...Object.fromEntries(RECALL_AT.map((k, i) => [`R@${k}`, percent(this.found[i] as number)])),
      'upper bound': percent(this.findable),
    };
  }
}
