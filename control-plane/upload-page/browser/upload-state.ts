/** What a link answers of one upload. */
export interface End {
  readonly stored_bytes: number;
  readonly complete: boolean;
  readonly processing?: boolean;
  readonly name_taken?: boolean;
  readonly problem?: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string | null;
  } | null;
  readonly path?: string;
  readonly change?: string | null;
  readonly archive?: {
    readonly files_saved: number;
    readonly skipped_total: number;
    readonly skipped: readonly { readonly filename: string; readonly message: string }[];
  };
}
