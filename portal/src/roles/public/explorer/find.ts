/** What somebody looks for, from what they typed. */
import { get } from "../../../api";
import { ProblemError } from "../../../problem";

const HASH = /^[0-9a-f]{64}$/;
const ID = /^[A-Za-z0-9_-]{21}[AQgw]$/;
const NAMES = 100;

/** Gives a GTIN with 14 digits where the digits are one (GS1 General Specifications, 7.9). */
export function gtin(digits: string): string | undefined {
  if (!/^(\d{8}|\d{12,14})$/.test(digits)) {
    return undefined;
  }
  const whole = digits.padStart(14, "0");
  const sum = Array.from(whole, Number).reduce((all, each, at) => all + each * (at % 2 === 0 ? 3 : 1), 0);
  return sum % 10 === 0 ? whole : undefined;
}

/** What it may be, the likeliest first; a name only where it can be nothing else. */
export type Guess =
  | { readonly kind: "transaction" | "product" | "block" | "id" | "name"; readonly text: string };

export function guesses(typed: string): Guess[] {
  const text = typed.trim();
  if (HASH.test(text.toLowerCase())) {
    return [{ kind: "transaction", text: text.toLowerCase() }];
  }
  const made: Guess[] = [];
  const digits = text.replace(/^(\(01\)|#)/, "").replace(/[\s,]/g, "");
  if (/^\d+$/.test(digits)) {
    const product = gtin(digits);
    if (product !== undefined) {
      made.push({ kind: "product", text: product });
    }
    if (digits.length < 16) {
      made.push({ kind: "block", text: String(Number(digits)) });
    }
    return made;
  }
  if (ID.test(text)) {
    return [{ kind: "id", text }];
  }
  return text === "" ? [] : [{ kind: "name", text }];
}

async function there(asking: Promise<unknown>): Promise<boolean> {
  try {
    await asking;
    return true;
  } catch (error) {
    const status = error instanceof ProblemError ? error.problem.status : 0;
    // A transaction that was refused is there; its address answers with the refusal.
    if (error instanceof ProblemError && error.problem.height !== undefined) {
      return true;
    }
    if (status === 404 || status === 400) {
      return false;
    }
    throw error;
  }
}

async function place(guess: Guess): Promise<string[]> {
  const { kind, text } = guess;
  switch (kind) {
    case "transaction":
      return (await there(get("/v1/transactions/{hash}", { path: { hash: text } })))
        ? [`explorer/transactions/${text}`]
        : [];
    case "product":
      return (await there(get("/v1/supply/products/{id}", { path: { id: text } })))
        ? [`explorer/products/${text}`]
        : [];
    case "block":
      return (await there(get("/v1/blocks/{height}", { path: { height: text } })))
        ? [`explorer/blocks/${text}`]
        : [];
    case "id":
      if (await there(get("/v1/identity/subjects/{id}", { path: { id: text } }))) {
        return [`explorer/subjects/${text}`];
      }
      return (await there(get("/v1/consent/grants/{id}", { path: { id: text } })))
        ? [`explorer/grants/${text}`]
        : [];
    case "name":
      return named(text);
  }
}

/** Organisations whose public name holds what was typed, among the newest hundred. */
async function named(text: string): Promise<string[]> {
  const page = await get("/v1/identity/subjects", {
    query: { kind: "organisation", limit: NAMES },
  });
  const wanted = text.toLocaleLowerCase();
  const found = await Promise.all(
    page.items.map(async ({ id }) => {
      const { value } = await get("/v1/identity/subjects/{id}", { path: { id } });
      return (value.name ?? "").toLocaleLowerCase().includes(wanted) ? id : undefined;
    }),
  );
  return found.filter((id) => id !== undefined).map((id) => `explorer/subjects/${id}`);
}

/** Gives the pages of what was found, for the likeliest reading that finds anything. */
export async function find(typed: string): Promise<string[]> {
  for (const guess of guesses(typed)) {
    const found = await place(guess);
    if (found.length > 0) {
      return found;
    }
  }
  return [];
}
