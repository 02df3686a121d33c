/** A product by its name on the chain, leading to what is public about it. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { usePath } from "../../language";
import { productQuery } from "./traders";

export function ProductName({ gtin }: { gtin: string }): ReactNode {
  const path = usePath();
  const name = useQuery(productQuery(gtin)).data?.value.name;
  return (
    <Link to={path(`explorer/products/${gtin}`)}>
      <bdi translate="no">{typeof name === "string" ? name : gtin}</bdi>
    </Link>
  );
}
