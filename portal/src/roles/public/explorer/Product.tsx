/** A product: what it is, who answers for its packs, and whether it is recalled. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router";

import { type AnswerOf, get } from "../../../api";
import { Facts } from "../../../components/Facts";
import { Moment } from "../../../components/Moment";
import { PageTitle } from "../../../components/Page";
import { Query } from "../../../components/Query";
import { Empty } from "../../../components/Standing";
import { usePath } from "../../../language";
import { ProofBadge } from "../../../proof";
import { useText } from "../../../text";
import { SectionTitle } from "./SectionTitle";
import { SubjectName } from "../../../components/SubjectName";

type Product = AnswerOf<"/v1/supply/products/{id}">;

export default function ProductPage(): ReactNode {
  const gtin = useParams()["gtin"] ?? "";
  const found = useQuery({
    queryKey: ["product", gtin],
    queryFn: ({ signal }) => get("/v1/supply/products/{id}", { path: { id: gtin }, signal }),
  });
  return <Query of={found}>{(product) => <Shown of={product} />}</Query>;
}

function Shown({ of: product }: { of: Product }): ReactNode {
  const say = useText("portal_public");
  const values = useText("portal_values");
  const path = usePath();
  const { id, value } = product;
  const { lowest, highest } = value;
  const named = (organisation: string): ReactNode => (
    <Link to={path(`explorer/subjects/${organisation}`)}>
      <SubjectName id={organisation} />
    </Link>
  );
  return (
    <>
      <PageTitle tab={value.name}>
        <bdi translate="no">{value.name}</bdi>
      </PageTitle>
      <Facts
        of={[
          [say("explorer/kind"), values(`words/${value.kind}`)],
          [say("explorer/gtin"), id],
          [say("explorer/drug_code"), value.drug_code],
          [say("explorer/owner"), named(value.owner)],
          [say("explorer/responder"), named(value.responder)],
          [
            say("explorer/storage"),
            lowest == null || highest == null
              ? undefined
              : say("explorer/degrees", { lowest: lowest / 100, highest: highest / 100 }),
          ],
          [
            say("explorer/status"),
            value.ended == null ? undefined : say("explorer/ended", { height: value.ended }),
          ],
          [say("explorer/since"), say("explorer/block", { height: value.since })],
        ]}
      />
      <p>
        <Link to={path("scan")}>{say("explorer/check_pack")}</Link>
      </p>
      <Recalls gtin={id} />
      <SectionTitle>{say("explorer/proof")}</SectionTitle>
      <ProofBadge
        subject={{ kind: "state", key: `supply/product/${id}`, value }}
      />
    </>
  );
}

function Recalls({ gtin }: { gtin: string }): ReactNode {
  const say = useText("portal_public");
  const scan = useText("scan");
  const values = useText("portal_values");
  const found = useQuery({
    queryKey: ["recalls", gtin],
    queryFn: ({ signal }) => get("/v1/supply/recalls", { query: { gtin }, signal }),
  });
  return (
    <>
      <SectionTitle>{say("explorer/recalls")}</SectionTitle>
      <Query of={found}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>{say("explorer/no_recalls")}</Empty>
          ) : (
            <ul className="lines">
              {items.map((each) => (
                <li key={each.id}>
                  {scan("page/recall_grade", { grade: each.grade })}
                  {": "}
                  {scan(`recall/${each.reason}`)}
                  <span className="beside">
                    <Moment at={each.time} />
                    {" · "}
                    {values(`words/${each.status}`)}
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Query>
    </>
  );
}
