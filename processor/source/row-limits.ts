/**
 * How long a row's values may be, so that every record fits into Kafka and every key into CQL
 * (docs/decisions/0020). The connector cuts longer ones at a known length, which its schemas tell;
 * whoever reads such a value names the row. Pure.
 */

const MIB = 1024 * 1024;

/**
 * Of uid, session_uid, parent_uid, active_child, account_uid and agent_turn_uid. The clustering key
 * of conversation_state holds two of them, and CQL takes 65,535 bytes of a key.
 */
export const identifierBytesMax = 32_000;

/** Where the connector cuts an identifier: one character is a byte or more, so a cut one is too long. */
export const identifierCharsMax = 32_768;

/** Of a record: envelope, identifiers (six, before and after, three bytes a character), headers. */
const otherBytesMax = MIB;

/** A row before and after the change, three bytes a character at most. */
const bytesPerCharMax = 6;

/** From how many characters on title, prompt and content are cut. */
export function textCharsMax(recordBytesMax: number): number {
  return Math.max(1, Math.floor((recordBytesMax - otherBytesMax) / bytesPerCharMax));
}
