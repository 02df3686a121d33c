/** A grant as everybody may know it: that it stands, and until when. Not whose, and not for what. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useParams } from "react-router";

import { type AnswerOf, get } from "../../../api";
import { Facts } from "../../../components/Facts";
import { Moment } from "../../../components/Moment";
import { PageTitle } from "../../../components/Page";
import { Query } from "../../../components/Query";
import { ProofBadge } from "../../../proof";
import { useText } from "../../../text";
import { SectionTitle } from "./SectionTitle";

type Grant = AnswerOf<"/v1/consent/grants/{id}">;

export default function GrantPage(): ReactNode {
  const say = useText("portal_public");
  const id = useParams()["id"] ?? "";
  const found = useQuery({
    queryKey: ["grant", id],
    queryFn: async ({ signal }) => ({
      grant: await get("/v1/consent/grants/{id}", { path: { id }, signal }),
      asked: Date.now(),
    }),
  });
  return (
    <>
      <PageTitle tab={say("explorer/grant")}>{say("explorer/grant")}</PageTitle>
      <Query of={found}>{({ grant, asked }) => <Shown of={grant} asked={asked} />}</Query>
    </>
  );
}

function standing(value: Grant["value"], now: number): "revoked" | "waits" | "over" | "stands" {
  if (value.revoked != null) {
    return "revoked";
  }
  if (now < value.starts) {
    return "waits";
  }
  return now < value.ends ? "stands" : "over";
}

function Shown({ of, asked }: { of: Grant; asked: number }): ReactNode {
  const say = useText("portal_public");
  const { id, value } = of;
  return (
    <>
      <p>{say("explorer/grant_about")}</p>
      <Facts
        of={[
          [say("explorer/status"), say(`explorer/grant_state/${standing(value, asked)}`)],
          [say("explorer/starts"), <Moment key="starts" at={value.starts} />],
          [say("explorer/ends"), <Moment key="ends" at={value.ends} />],
          [say("explorer/version"), String(value.version ?? 1)],
          [say("explorer/since"), say("explorer/block", { height: value.since })],
          [say("explorer/number"), <code key="id">{id}</code>],
        ]}
      />
      <SectionTitle>{say("explorer/proof")}</SectionTitle>
      <ProofBadge
        subject={{ kind: "state", key: `consent/grant/${id}`, value }}
      />
    </>
  );
}
