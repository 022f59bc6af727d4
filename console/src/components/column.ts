/** A column of a DataTable. */
export type Column = Readonly<{
  /** The field of the row. */
  name: string;
  label: string;
  /** The value of `ordering` that orders by the column. Without it the header is no button. */
  orderBy?: string;
  isNumber?: boolean;
}>;
