/** Records of the chain with their proofs, for badges. */
import { useQuery } from "@tanstack/react-query";

import { get } from "../../api";
import type { Subject } from "../../proof";

type Read = (id: string, signal: AbortSignal) => Promise<{ value: unknown }>;

const READ: Readonly<Record<"alert" | "emergency", { key: string; read: Read }>> = {
  alert: {
    key: "supply/alert/",
    read: (id, signal) => get("/v1/supply/alerts/{id}", { path: { id }, signal }),
  },
  emergency: {
    key: "consent/emergency/",
    read: (id, signal) => get("/v1/consent/emergencies/{id}", { path: { id }, signal }),
  },
};

/** The record as it stands; undefined until it has come. */
export function useStateBadge(kind: keyof typeof READ, id: string): Subject | undefined {
  const { key, read } = READ[kind];
  const found = useQuery({
    queryKey: ["oversight", kind, id],
    queryFn: ({ signal }) => read(id, signal),
  });
  return found.data && { kind: "state", key: key + id, value: found.data.value };
}
