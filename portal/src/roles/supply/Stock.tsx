/** What is here, and above it what needs attention: expires, is late, runs out. */
import { Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { type AnswerOf, get } from "../../api";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useText } from "../../text";
import { useOrganisation } from "./calls";
import { Listed } from "./Listed";
import { ProductName } from "./Names";
import { useNews } from "./news";
import { glnOf } from "./place";
import { TradePage } from "./TradePage";

type View = AnswerOf<"/v1/organisations/{organisation}/supply/stock">;
type Cell = ReactNode;

export default function Stock(): ReactNode {
  const organisation = useOrganisation();
  const refetchInterval = useNews();
  const found = useQuery({
    queryKey: ["supply", organisation, "stock"],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/supply/stock", { path: { organisation }, signal }),
    refetchInterval,
  });
  return (
    <TradePage page="stock">
      <Query of={found}>{(stock) => <Whole of={stock} />}</Query>
    </TradePage>
  );
}

function Whole({ of: stock }: { of: View }): ReactNode {
  const say = useText("portal_supply");
  const product = (gtin: string): Cell => <ProductName gtin={gtin} />;
  const days = (count: number): string =>
    count < 0 ? say("stock/over", { count: -count }) : say("stock/days", { count });
  const quiet = stock.expiring.length + stock.delayed.length + stock.short.length === 0;
  return (
    <>
      <section>
        <Title order={2}>{say("stock/attention")}</Title>
        {quiet ? <Empty>{say("stock/quiet")}</Empty> : null}
        <Listed
          caption={say("stock/captions/expiring")}
          page="stock"
          columns={["product", "lot", "expiry", "left", "packs", "place"]}
          rows={stock.expiring.map((each) => [
            product(each.gtin), each.lot, each.expiry, days(each.days), each.packs, glnOf(each.place),
          ])}
        />
        <Listed
          caption={say("stock/captions/delayed")}
          page="stock"
          columns={["product", "lot", "underway", "packs", "place"]}
          rows={stock.delayed.map((each) => [
            product(each.gtin), each.lot, days(each.days), each.packs, glnOf(each.place),
          ])}
        />
        <Listed
          caption={say("stock/captions/short")}
          page="stock"
          columns={["product", "packs", "least", "lasts", "place"]}
          rows={stock.short.map((each) => [
            product(each.gtin),
            each.packs,
            each.least,
            each.lasts === null ? say("stock/unknown") : days(each.lasts),
            glnOf(each.place),
          ])}
        />
      </section>
      <Title order={2} mt="lg">
        {say("stock/all")}
      </Title>
      {stock.lines.length + stock.lots.length === 0 ? <Empty>{say("stock/none")}</Empty> : null}
      <Listed
        caption={say("stock/captions/lines")}
        page="stock"
        columns={["product", "lot", "expiry", "standing", "packs", "place"]}
        rows={stock.lines.map((each) => [
          product(each.gtin),
          each.lot,
          each.expiry,
          say(`standings/${each.standing}`),
          each.packs,
          glnOf(each.place),
        ])}
      />
      <Listed
        caption={say("stock/captions/lots")}
        page="stock"
        columns={["product", "lot", "expiry", "on_hand", "measure", "place"]}
        rows={stock.lots.map((each) => [
          product(each.gtin), each.lot, each.expiry, each.on_hand, each.measure, glnOf(each.place),
        ])}
      />
    </>
  );
}
