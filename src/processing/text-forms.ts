// The authors' form of each task's text, so that checkpoints read what they were trained on.

/** The text forms, named after the task that reads each. `plain`: the text is unchanged. */
export const TEXT_FORM_NAMES = ['plain', 'vqa', 'nlvr', 'nlvr2', 'vcr', 'flickr', 'pretraining'] as const;
/** The name of a text form. */
export type TextFormName = (typeof TEXT_FORM_NAMES)[number];

/** The text between [CLS] and [SEP]. */
export interface TextForm {
  /** The part that may be shortened. */
  body: string;
  /** Text that follows the body and is never cut. */
  ending: string;
  /** Whether a mask token follows: the slot that the answer head reads. */
  hasSlot: boolean;
}

const NON_WORD = /([^\p{L}\p{N}_]+)/u; // Python's \W

/**
 * A question as in the authors' VQA data: lower case, without commas and question marks, split at non-word characters.
 * @see uclanlp/visualbert `vqa_dataset.py`, tokenize; details follow Pythia's imdb files
 */
export function vqaQuestionWords(question: string): string {
  return question
    .toLowerCase()
    .replaceAll(',', '')
    .replaceAll('?', '')
    .replaceAll("'s", " 's")
    .split(NON_WORD)
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .join(' ');
}

/**
 * A text in its form. A VQA question ends in `? [MASK]`: the head reads the token before [SEP], which must be that [MASK].
 * Without it VQA 2.0 accuracy falls from the paper's 70.8% to 40 to 46%.
 */
export function textForm(name: TextFormName, text: string): TextForm {
  if (name === 'vqa') return { body: vqaQuestionWords(text), ending: '?', hasSlot: true };
  return { body: text, ending: '', hasSlot: false };
}
