/** A product by its name on the chain, leading to what is public about it. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { get } from "../../api";
import { usePath } from "../../language";

export function ProductName({ gtin }: { gtin: string }): ReactNode {
  const path = usePath();
  const found = useQuery({
    queryKey: ["product", gtin],
    queryFn: ({ signal }) => get("/v1/supply/products/{id}", { path: { id: gtin }, signal }),
    staleTime: 60_000,
  });
  return (
    <Link to={path(`explorer/products/${gtin}`)}>
      <bdi translate="no">{found.data?.value.name ?? gtin}</bdi>
    </Link>
  );
}
