/** What went wrong: a problem document of the node (RFC 9457), or why none came. */
export interface Problem {
  /** A stable code, the same in CLI, receipt and log. */
  readonly code: string;
  /** 0 where no answer came. */
  readonly status: number;
  readonly number?: number;
  readonly title?: string;
  readonly detail?: string;
  readonly next?: string;
  readonly parameters?: Readonly<Record<string, string | number>>;
  /** Of a refused transaction that stands in a block. */
  readonly hash?: string;
  readonly height?: number;
  readonly index?: number;
}

/** Codes of the portal itself, whose words are in `portal.json` below `problems/`. */
export const UNREACHABLE = "portal.unreachable";
export const TIMED_OUT = "portal.timed_out";
export const UNREADABLE = "portal.unreadable";
export const FAULT = "portal.fault";

const TRANSIENT = new Set([429, 502, 503, 504]);

export class ProblemError extends Error {
  readonly problem: Problem;
  /** How long the node asked to wait, in milliseconds. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, retryAfter?: number) {
    super(problem.code);
    this.name = "ProblemError";
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later: nothing was judged yet. */
  get transient(): boolean {
    return this.problem.code === UNREACHABLE || TRANSIENT.has(this.problem.status);
  }
}

/** Reads a refusal; what is no problem document is `portal.unreadable`. */
export async function problemOf(response: Response): Promise<ProblemError> {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : undefined;
  const unreadable: Problem = { code: UNREADABLE, status: response.status };
  if (!(response.headers.get("content-type") ?? "").startsWith("application/problem+json")) {
    return new ProblemError(unreadable, wait);
  }
  try {
    const found = (await response.json()) as Partial<Problem>;
    const problem = typeof found.code === "string" ? { ...found, code: found.code } : unreadable;
    return new ProblemError({ ...problem, status: response.status }, wait);
  } catch {
    return new ProblemError(unreadable, wait);
  }
}

/** Gives any thrown value as a problem; a fault of our own is `portal.fault`. */
export function asProblem(error: unknown): Problem {
  return error instanceof ProblemError ? error.problem : { code: FAULT, status: 0 };
}
