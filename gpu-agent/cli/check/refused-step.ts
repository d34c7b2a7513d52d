/** The other side's own refusal; its code may be one that this version does not know. */
export class RefusedStep extends Error {
  readonly code: string;
  readonly hint: string | null;

  constructor(refusal: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string | null | undefined;
  }) {
    super(refusal.message);
    this.code = refusal.code;
    this.hint = refusal.hint ?? null;
  }
}
