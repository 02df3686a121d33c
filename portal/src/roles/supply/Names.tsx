/** Products and packs by what people call them. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { get } from "../../api";
import { useText } from "../../text";

/** A product by its name on the chain, and its number beside it. */
export function ProductName({ gtin }: { gtin: string }): ReactNode {
  const found = useQuery({
    queryKey: ["product", gtin],
    queryFn: ({ signal }) => get("/v1/supply/products/{id}", { path: { id: gtin }, signal }),
    staleTime: 60_000,
    enabled: gtin !== "",
  });
  const name = found.data?.value.name;
  return (
    <bdi translate="no">
      {typeof name === "string" ? `${name} ` : null}
      <span className="id">{gtin}</span>
    </bdi>
  );
}

/** The product, serial number and lot that a pack's URI holds (GS1 Digital Link). */
export function partsOf(unit: string): { gtin: string; serial: string; case: string } {
  const pack = /\/01\/([0-9]{14})(?:\/10\/[^/]+)?\/21\/([^/?]+)/.exec(unit);
  const box = /\/00\/([0-9]{18})/.exec(unit);
  return {
    gtin: pack?.[1] ?? "",
    serial: decodeURIComponent(pack?.[2] ?? ""),
    case: box?.[1] ?? "",
  };
}

/** The number of the case that a code as it was scanned stands for; empty for any other code. */
export function caseIn(code: string): string {
  const found = /^(?:\](?:C1|d2|e0|J1|Q3))?(?:\(00\)|00)?([0-9]{18})$/.exec(code.trim());
  return found?.[1] ?? partsOf(code).case;
}

/** A pack by its product and serial number, a case by its number. */
export function UnitName({ unit }: { unit: string }): ReactNode {
  const say = useText("portal_supply");
  const parts = partsOf(unit);
  if (parts.case !== "") {
    return <bdi translate="no">{say("unit/case", { number: parts.case })}</bdi>;
  }
  if (parts.gtin === "") {
    return <bdi translate="no">{unit}</bdi>;
  }
  return (
    <>
      <ProductName gtin={parts.gtin} /> <bdi translate="no">{say("unit/serial", { serial: parts.serial })}</bdi>
    </>
  );
}
