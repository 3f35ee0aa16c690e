/** The step types of the source (DESIGN 1). A number outside of them is data, not an error. */

export const stepTypes = {
  Think: 0,
  Text: 1,
  Retrieval: 2,
  Code: 3,
  WebSearch: 4,
  Card: 5,
  Audio: 6,
  Plot: 7,
  Table: 8,
  Document: 9,
  InputRequest: 10,
  TurnClassifier: 11,
  LangDetection: 12,
} as const;

const names: readonly string[] = Object.keys(stepTypes);

/** `Text`, or `Unknown(99)` for a number outside of the enumeration. */
export function stepTypeName(tpe: number): string {
  return names[tpe] ?? `Unknown(${tpe})`;
}

/** Whether the person who asked sees a step of this type: all but thinking and classification. */
export function isVisible(tpe: number | null): boolean {
  return (
    tpe !== null &&
    tpe !== stepTypes.Think &&
    tpe !== stepTypes.TurnClassifier &&
    tpe !== stepTypes.LangDetection
  );
}
