/** One recall: what is called back, and which members have answered, found what, or are silent. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router";

import { type AnswerOf, get } from "../../api";
import { Facts } from "../../components/Facts";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { usePath } from "../../language";
import { useLive } from "../../live";
import { ProofBadge } from "../../proof";
import { session } from "../../session";
import { useText } from "../../text";
import { useWho } from "../../who";
import { SectionTitle } from "../public/explorer/SectionTitle";
import { SubjectName } from "../../components/SubjectName";
import { ProductName } from "./ProductName";
import { Progress } from "./Progress";
import { RecallActs } from "./RecallActs";
import { useOwnKind } from "./traders";

type Current = AnswerOf<"/v1/supply/recalls/{id}">;

export default function RecallPage(): ReactNode {
  const say = useText("portal_regulator");
  const path = usePath();
  const id = useParams()["id"] ?? "";
  const queries = useQueryClient();
  const found = useQuery({
    queryKey: ["oversight", "recall", id],
    queryFn: async ({ signal }) => {
      const current = await get("/v1/supply/recalls/{id}", { path: { id }, query: { proof: true }, signal });
      const { ended, ends } = current.value;
      const now = Date.now() + (session()?.ahead ?? 0);
      return { current, stands: ended == null && (ends == null || now < ends) };
    },
  });
  useLive({ after: "latest", id }, () => {
    void queries.invalidateQueries({ queryKey: ["oversight", "recall", id] }, { cancelRefetch: false });
  });
  return (
    <>
      <PageTitle tab={say("recall/title")}>{say("recall/title")}</PageTitle>
      <p>
        <Link to={path("oversight/now")}>{say("recall/back")}</Link>
      </p>
      <Query of={found}>
        {({ current, stands }) => <Shown of={current} stands={stands} />}
      </Query>
    </>
  );
}

function Shown({ of: { id, value, proof }, stands }: { of: Current; stands: boolean }): ReactNode {
  const say = useText("portal_regulator");
  const values = useText("portal_values");
  const path = usePath();
  const own = useWho()?.organisation ?? "";
  const kind = useOwnKind();
  const { lots = [], serials = [], gtin } = value;
  return (
    <>
      <Facts
        of={[
          [say("recalls/product"), <ProductName key="product" gtin={gtin} />],
          [say("recall/state"), say(stands ? "recall/stands" : "recall/over")],
          [say("recalls/grade"), say(`recalls/grades/${value.grade}`)],
          [say("recalls/reason"), values(`words/${value.reason}`)],
          [say("recalls/by"), <SubjectName key="by" id={value.issuer} />],
          [say("recalls/when"), <Moment key="when" at={value.issued} />],
          [say("recall/what"), <What key="what" lots={lots} serials={serials.length} />],
        ]}
      />
      {lots.map((lot) => (
        <p key={lot}>
          <Link to={`${path("oversight/trace")}?${new URLSearchParams({ gtin, lot }).toString()}`}>
            {say("recall/trace_lot", { lot })}
          </Link>
        </p>
      ))}
      <SectionTitle>{say("recall/progress")}</SectionTitle>
      {value.issuer === own ? (
        <Progress organisation={own} recall={id} />
      ) : (
        <p>{say("recall/not_yours")}</p>
      )}
      {stands && (value.issuer === own || kind === "regulator") ? (
        <RecallActs key={id} recall={id} every={lots.length + serials.length === 0} />
      ) : null}
      <SectionTitle>{say("recall/proof")}</SectionTitle>
      <ProofBadge
        subject={{
          kind: "state", key: `supply/recall/${id}`, value, ...(proof == null ? {} : { proof }),
        }}
      />
    </>
  );
}

function What({ lots, serials }: { lots: readonly string[]; serials: number }): ReactNode {
  const say = useText("portal_regulator");
  if (lots.length === 0 && serials === 0) return say("recall/all");
  return (
    <>
      {lots.length === 0 ? null : say("recall/lots", { lots: lots.join(", ") })}{" "}
      {serials === 0 ? null : say("recall/serials", { count: serials })}
    </>
  );
}
