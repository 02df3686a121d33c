/** What is searched for in the audit trail: it stands in the address, so that a search can be sent on. */

export interface Wanted {
  /** Days as the browser writes them (2026-11-22), in the reader's own zone. */
  readonly from: string;
  readonly to: string;
  readonly actor: string;
  readonly subject: string;
  readonly operation: string;
  readonly cursor: string;
}

export const FIELDS = ["from", "to", "actor", "subject", "operation"] as const;
const DAYS = 7;

function dayOf(ms: number): string {
  const day = new Date(ms);
  const two = (number: number): string => String(number).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

/** The newest week, where nothing else is asked for. */
export function weekAgo(now: number): string {
  const day = new Date(now);
  day.setDate(day.getDate() - (DAYS - 1));
  return dayOf(day.getTime());
}

/** Reads an address; `first` is from which day on where it names none. */
export function wantedOf(search: URLSearchParams, first: string): Wanted {
  const part = (name: string): string => search.get(name)?.trim() ?? "";
  return {
    from: search.get("from") ?? first,
    to: part("to"),
    actor: part("actor"),
    subject: part("subject"),
    operation: part("operation"),
    cursor: part("cursor"),
  };
}

/** The query of the node's address; a day that cannot be read is left out, `to` is to its end. */
export function queryOf(wanted: Wanted): Record<string, string | number> {
  const since = midnight(wanted.from, 0);
  const until = midnight(wanted.to, 1);
  const asked: Record<string, string | number> = { limit: 50 };
  if (since !== undefined) asked["since"] = since;
  if (until !== undefined) asked["until"] = until;
  for (const name of ["actor", "subject", "operation", "cursor"] as const) {
    if (wanted[name] !== "") asked[name] = wanted[name];
  }
  return asked;
}

function midnight(day: string, later: number): number | undefined {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day)?.slice(1).map(Number);
  if (parts === undefined) return undefined;
  const [year = 0, month = 1, date = 1] = parts;
  const at = new Date(year, month - 1, date + later).getTime();
  return at >= 0 ? at : undefined;
}

export interface Deed {
  /** get, post, put, delete; or another method. */
  readonly method: string;
  /** What it was about: the parts of the address without ids. */
  readonly about: string;
}

const HOME = ["v1", "organisations", "by_organisation"];

/** Reads an `operationId` such as `get_v1_organisations_by_organisation_records_by_record`. */
export function deed(operation: string): Deed {
  const [method = "", ...rest] = operation.replaceAll("_by_", "_by\u0000").split("_");
  const parts = rest.map((each) => each.replace("\u0000", "_"));
  const own = HOME.every((each, at) => parts[at] === each) ? parts.slice(HOME.length) : parts;
  const about = own.filter((each) => each !== "" && !each.startsWith("by_"));
  return { method, about: about.join(" / ") };
}
