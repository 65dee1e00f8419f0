import { formatInstant } from '../../src/domain/instant.ts';
import type { PolicySource } from '../../src/ports.ts';
import { Calendar } from './calendar.ts';
import { textOf, type Draft } from './draft.ts';

/** The policy as a mounted file: anybody may edit it at any time. */
export class PolicyBoard {
  readonly source: PolicySource;
  #text: string;
  draft: Draft;
  calendar: Calendar;
  /** Somebody has spoiled it. */
  isValid = true;
  readonly #span: { readonly from: number; readonly to: number };
  readonly #onChange: (text: string) => void;

  constructor(draft: Draft, span: { readonly from: number; readonly to: number }, onChange: (text: string) => void) {
    this.#span = span;
    this.#onChange = onChange;
    this.draft = draft;
    this.#text = textOf(draft);
    this.calendar = new Calendar(draft.windows, span);
    this.source = { name: 'policy.yaml', read: () => Promise.resolve(this.text) };
  }

  get text(): string {
    return this.#text;
  }

  edit(draft: Draft): void {
    if (draft.windows !== this.draft.windows) this.calendar = new Calendar(draft.windows, this.#span);
    this.draft = draft;
    this.#put(textOf(draft));
    this.isValid = true;
  }

  spoil(): void {
    this.#put(`${this.text.slice(0, -1)}, "sleep": "well"}`);
    this.isValid = false;
  }

  #put(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    this.#onChange(text);
  }

  describe = (): string =>
    `${this.text}, opens ${[...this.calendar.nights(this.#span.from)]
      .slice(2, 6)
      .map(({ from }) => formatInstant(from))
      .join()}`;
}
