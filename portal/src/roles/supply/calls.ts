/** What these pages ask of the node, for the organisation of who is signed in. */
import { type UseQueryResult, useQuery } from "@tanstack/react-query";

import { type AnswerOf, get, post } from "../../api";
import { session } from "../../session";
import { newId } from "../../sign";
import { useWho } from "../../who";
import type { Line, Order } from "./waiting";

export const ROOM = "/v1/organisations/{organisation}/supply";
export type Done = AnswerOf<"/v1/organisations/{organisation}/supply/actions/{action}", "post">;
type Path = Parameters<typeof post<"/v1/organisations/{organisation}/supply/actions/{action}">>[1];
type ActionName = Path["path"]["action"];

/** The organisation of who is signed in; these pages are shown to nobody else. */
export function useOrganisation(): string {
  return useWho()?.organisation ?? "";
}

/** Now, by the node's clock as far as the session knows it. */
export function now(): number {
  return Date.now() + (session()?.ahead ?? 0);
}

/** Today where the person is. */
export function today(): string {
  const at = new Date();
  const two = (number: number): string => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** Makes an order with a key of its own and the time that it was done. */
export function orderFor(place: string, fields: Readonly<Record<string, unknown>>): Order {
  return { key: newId(), place, at: now(), ...fields };
}

/** Sends one line as it was written down. */
export function sendLine(line: Line): Promise<Done> {
  return post("/v1/organisations/{organisation}/supply/actions/{action}", {
    path: { organisation: line.organisation, action: line.action as ActionName },
    body: line.order as unknown as Path["body"],
  });
}

export type Life = AnswerOf<"/v1/organisations/{organisation}/supply/units">;
type Shipments = AnswerOf<"/v1/organisations/{organisation}/supply/shipments">;

export function useShipments(
  organisation: string, refetchInterval: number | false = 5_000,
): UseQueryResult<Shipments> {
  return useQuery({
    queryKey: ["supply", organisation, "shipments"],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/supply/shipments", { path: { organisation }, signal }),
    refetchInterval,
  });
}
