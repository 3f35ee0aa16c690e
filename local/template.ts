/**
 * Fills `${name}` places in the configuration files of the servers. A place without a value and a
 * value without a place are both mistakes of ours, found before a server starts on half a file.
 */

export type TemplateValues = Readonly<Record<string, string | number>>;

const placePattern = /\$\{([A-Za-z][A-Za-z0-9]*)\}/g;

/** `what` names the file in the error. */
export function renderTemplate(what: string, text: string, values: TemplateValues): string {
  const used = new Set<string>();
  const rendered = text
    .split('\n')
    .map((line) => (line.trimStart().startsWith('#') ? line : renderLine(line)))
    .join('\n');
  const unused = Object.keys(values).filter((name) => !used.has(name));
  if (unused.length > 0) {
    throw new Error(`${what} has no place for ${unused.map((name) => `\${${name}}`).join(', ')}`);
  }
  return rendered;

  function renderLine(line: string): string {
    return line.replace(placePattern, (place, name: string) => {
      const value = values[name];
      if (value === undefined) {
        throw new Error(`${what} asks for ${place}, and nothing gives it a value`);
      }
      used.add(name);
      return String(value);
    });
  }
}
