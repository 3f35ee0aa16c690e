/**
 * Prompts and prose of a wanted length in one of several languages, some with emoji. Lengths are
 * code points, as Postgres counts them; a surrogate pair is never cut.
 */
import type { Language } from './phrases.ts';
import { emoji } from './phrases.ts';
import { chance, pick, type Random } from './random.ts';

const emojiRatio = 0.08;

/** What a person asks: about `length` code points, the last sentence cut where it ends. */
export function prompt(random: Random, language: Language, length: number): string {
  return joined(random, language, length, () =>
    pick(random, language.questions).replace('{}', pick(random, language.topics)),
  );
}

/** What the agent answers. */
export function prose(random: Random, language: Language, length: number): string {
  return joined(random, language, length, () => pick(random, language.answers));
}

/** The first words of a prompt: a session's title. */
export function title(promptText: string): string {
  return cut(promptText, 48);
}

function joined(
  random: Random,
  language: Language,
  length: number,
  sentence: () => string,
): string {
  const parts: string[] = [];
  // UTF-16 units are at least as many as code points: enough of the former may be too few of the
  // latter by the number of emoji, which `slack` covers.
  const slack = Math.ceil(length / 8) + 8;
  for (let units = 0; units < length + slack; ) {
    const part = chance(random, emojiRatio) ? `${sentence()} ${pick(random, emoji)}` : sentence();
    parts.push(part);
    units += part.length + language.gap.length;
  }
  return cut(parts.join(language.gap), length);
}

/** The first `length` code points of a text. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  let units = 0;
  for (let points = 0; points < length && units < text.length; points += 1) {
    units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  }
  return text.slice(0, units);
}
