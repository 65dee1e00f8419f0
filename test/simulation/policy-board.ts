import { formatInstant } from '../../src/domain/instant.ts';
import type { PolicySource } from '../../src/ports.ts';
import { Calendar } from './calendar.ts';
import { textOf, type Draft } from './draft.ts';

/** The policy as a mounted file: anybody may edit it at any time. */
export class PolicyBoard {
  readonly source: PolicySource;
  text: string;
  draft: Draft;
  calendar: Calendar;
  /** Somebody has spoiled it. */
  isValid = true;
  readonly #span: { readonly from: number; readonly to: number };

  constructor(draft: Draft, span: { readonly from: number; readonly to: number }) {
    this.#span = span;
    this.draft = draft;
    this.text = textOf(draft);
    this.calendar = new Calendar(draft.windows, span);
    this.source = { name: 'policy.yaml', read: () => Promise.resolve(this.text) };
  }

  edit(draft: Draft): void {
    if (draft.windows !== this.draft.windows) this.calendar = new Calendar(draft.windows, this.#span);
    this.draft = draft;
    this.text = textOf(draft);
    this.isValid = true;
  }

  spoil(): void {
    this.text = `${this.text.slice(0, -1)}, "sleep": "well"}`;
    this.isValid = false;
  }

  describe = (): string =>
    `${this.text}, opens ${[...this.calendar.nights(this.#span.from)].slice(2, 6).map(({ from }) => formatInstant(from))}`;
}
