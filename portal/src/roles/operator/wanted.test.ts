import { describe, expect, it } from "vitest";

import { deed, queryOf, wantedOf, weekAgo } from "./wanted";

const asked = (text: string): Record<string, string | number> =>
  queryOf(wantedOf(new URLSearchParams(text), "2026-11-16"));

describe("a search", () => {
  it("begins a week ago unless another day, or none, is said", () => {
    const first = new Date(2026, 10, 16).getTime();
    expect(weekAgo(new Date(2026, 10, 22, 9).getTime())).toBe("2026-11-16");
    expect(asked("")).toEqual({ limit: 50, since: first });
    expect(asked("from=")).toEqual({ limit: 50 });
  });

  it("goes to the end of the last day, in the reader's zone", () => {
    const until = new Date(2026, 11, 1).getTime();
    expect(asked("from=&to=2026-11-30")).toEqual({ limit: 50, until });
  });

  it("leaves out what cannot be read, and takes the rest as it is", () => {
    expect(asked("from=soon&to=1900-01-01&actor=+abc+&cursor=c")).toEqual({
      limit: 50,
      actor: "abc",
      cursor: "c",
    });
  });
});

describe("deed", () => {
  it("drops the ids and the organisation", () => {
    const operation = "get_v1_organisations_by_organisation_persons_by_person_records";
    expect(deed(operation)).toEqual({ method: "get", about: "persons / records" });
    expect(deed("post_v1_organisations_by_organisation_witnessed-consents").about).toBe(
      "witnessed-consents",
    );
    expect(deed("get_v1_organisations_by_organisation_audit").about).toBe("audit");
  });

  it("keeps addresses that are nobody's", () => {
    expect(deed("post_v1_transactions").about).toBe("v1 / transactions");
    expect(deed("")).toEqual({ method: "", about: "" });
  });
});
