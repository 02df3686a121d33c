/** A recall here: which packs, where they are; and saying that people have looked. */
import { Button, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useParams } from "react-router";

import { type AnswerOf, get, post } from "../../api";
import { Facts } from "../../components/Facts";
import { Moment } from "../../components/Moment";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useKnows, useText } from "../../text";
import { SubjectName } from "../../components/SubjectName";
import { useOrganisation } from "./calls";
import { Listed } from "./Listed";
import { ProductName, UnitName } from "./Names";
import { useNews } from "./news";
import { glnOf } from "./place";
import { ProvedRecall } from "./Proved";
import { isOpen } from "./Recalls";
import { TradePage } from "./TradePage";

type Finding = AnswerOf<"/v1/organisations/{organisation}/supply/recalls/{recall}">;
const COUNTS = ["held", "away", "coming", "dispensed", "ended", "derived", "persons"] as const;

export default function Recall(): ReactNode {
  const organisation = useOrganisation();
  const { recall = "" } = useParams();
  const refetchInterval = useNews();
  const found = useQuery({
    queryKey: ["supply", organisation, "recall", recall],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/supply/recalls/{recall}", {
        path: { organisation, recall },
        signal,
      }),
    refetchInterval,
  });
  return (
    <TradePage page="recalls">
      <Query of={found}>{(finding) => <Whole of={finding} />}</Query>
    </TradePage>
  );
}

function Whole({ of: { recall, units, more } }: { of: Finding }): ReactNode {
  const say = useText("portal_supply");
  const words = useText("scan");
  const { answer } = recall;
  return (
    <>
      <Title order={2}>
        <ProductName gtin={recall.gtin} />
      </Title>
      <Facts
        of={[
          [say("recalls/why"), words(`recall/${recall.reason}`)],
          [say("recalls/grade"), words("page/recall_grade", { grade: recall.grade })],
          [say("recalls/lots"), recall.lots.length === 0 ? say("recalls/all_lots") : recall.lots.join(", ")],
          [say("recalls/issuer"), <SubjectName key="issuer" id={recall.issuer} />],
          [say("recalls/issued"), <Moment key="issued" at={recall.issued} />],
          ...COUNTS.map(
            (each) => [say(`recalls/counts/${each}`), answer === null ? "" : String(answer[each])] as const,
          ),
        ]}
      />
      <ProvedRecall of={recall} />
      {units.length === 0 ? <Empty>{say("recalls/no_packs")}</Empty> : <Packs of={units} />}
      {more ? <p>{say("recalls/more")}</p> : null}
      {isOpen(recall) ? (
        <Confirm recall={recall.recall} />
      ) : (
        <p role="status">
          <strong>{say(`recalls/states/${recall.ended === null ? "confirmed" : "ended"}`)}</strong>
        </p>
      )}
    </>
  );
}

function Packs({ of: units }: { of: Finding["units"] }): ReactNode {
  const say = useText("portal_supply");
  const knows = useKnows("portal_supply");
  const where = (word: string): string =>
    knows(`recalls/where/${word}`) ? say(`recalls/where/${word}`) : word;
  return (
    <Listed
      caption={say("recalls/packs")}
      page="recalls"
      columns={["pack", "lot", "standing", "where", "place"]}
      rows={units.map((each) => [
        <UnitName key="pack" unit={each.unit} />,
        each.lot,
        say(`standings/${each.standing}`),
        where(each.where),
        glnOf(each.place),
      ])}
    />
  );
}

function Confirm({ recall }: { recall: string }): ReactNode {
  const say = useText("portal_supply");
  const organisation = useOrganisation();
  const queries = useQueryClient();
  const confirming = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/supply/recalls/{recall}/confirm", {
        path: { organisation, recall },
      }),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["supply"] }),
  });
  return (
    <section className="trade-box">
      <p>{say("recalls/confirm_about")}</p>
      {confirming.error === null ? null : <ProblemNotice error={confirming.error} />}
      <Button
        size="lg"
        loading={confirming.isPending}
        onClick={() => {
          confirming.mutate();
        }}
      >
        {say("recalls/confirm")}
      </Button>
    </section>
  );
}
