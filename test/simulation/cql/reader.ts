/** Reads CQL texts token by token. What is not expected is an error: nothing is ever passed over. */

type Token = {
  readonly kind: 'quoted' | 'word' | 'text' | 'number' | 'sign' | 'end';
  readonly text: string;
};

const pattern =
  /\s+|"((?:[^"]|"")*)"|'((?:[^']|'')*)'|([A-Za-z_][A-Za-z0-9_]*)|(-?\d+)|(<=|>=|[<>=(),.?:{}*])/y;

export class Reader {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokensOf(text);
  }

  /** Takes the keywords if all of them come next. */
  has(...keywords: readonly string[]): boolean {
    const come = keywords.every((keyword, ahead) => {
      const { kind, text } = this.#peek(ahead);
      return kind === 'word' && text.toUpperCase() === keyword;
    });
    if (come) this.#next += keywords.length;
    return come;
  }

  hasSign(sign: string): boolean {
    const { kind, text } = this.#peek();
    if (kind !== 'sign' || text !== sign) return false;
    this.#next += 1;
    return true;
  }

  needs(...keywords: readonly string[]): void {
    if (!this.has(...keywords)) this.refuse(keywords.join(' '));
  }

  sign(sign: string): void {
    if (!this.hasSign(sign)) this.refuse(`"${sign}"`);
  }

  /** An identifier: quoted, as it is; else, in small letters. */
  name(): string {
    const { kind, text } = this.#peek();
    if (kind !== 'quoted' && kind !== 'word') return this.refuse('a name');
    this.#next += 1;
    return kind === 'quoted' ? text : text.toLowerCase();
  }

  /** A string or a number. */
  constant(): string {
    const { kind, text } = this.#peek();
    if (kind !== 'text' && kind !== 'number') return this.refuse('a constant');
    this.#next += 1;
    return text;
  }

  /** What `one` reads, once or more, with commas between. */
  list<Item>(one: () => Item): Item[] {
    const items = [one()];
    while (this.hasSign(',')) items.push(one());
    return items;
  }

  inBrackets<Item>(one: () => Item): Item[] {
    this.sign('(');
    const items = this.list(one);
    this.sign(')');
    return items;
  }

  end(): void {
    if (this.#peek().kind !== 'end') this.refuse('the end');
  }

  refuse(wanted: string): never {
    throw new Error(
      `the simulated cluster does not understand "${this.#text}": it takes ${wanted} where "${this.#peek().text}" is`,
    );
  }

  #peek(ahead = 0): Token {
    return this.#tokens[this.#next + ahead] ?? { kind: 'end', text: '' };
  }
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  pattern.lastIndex = 0;
  for (let at = 0; at < text.length; at = pattern.lastIndex) {
    const match = pattern.exec(text);
    if (match === null) {
      throw new Error(`the simulated cluster does not understand "${text.slice(at)}" in "${text}"`);
    }
    const [, quoted, literal, word, number, sign] = match;
    if (quoted !== undefined) tokens.push({ kind: 'quoted', text: quoted.replaceAll('""', '"') });
    else if (literal !== undefined)
      tokens.push({ kind: 'text', text: literal.replaceAll("''", "'") });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
  }
  return tokens;
}
