/** Who completed which training here; and a credential withdrawn, where it must be. */
import { Button, Group, NativeSelect } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { type AnswerOf, get, post } from "../../api";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Rows } from "../../components/Rows";
import { Empty } from "../../components/Standing";
import { usePath } from "../../language";
import { useText } from "../../text";
import { useWho } from "../../who";
import { SubjectName } from "../../components/SubjectName";
import { useStaff } from "../../components/staff";

const LIST = "/v1/organisations/{organisation}/training/credentials";
const COLUMNS = ["who", "course", "day", "state"] as const;
const REASONS = ["issued_in_error", "misconduct", "superseded"] as const;
type Issued = AnswerOf<typeof LIST>["credentials"][number];

export default function Training(): ReactNode {
  const say = useText("portal_operator");
  const organisation = useWho()?.organisation ?? "";
  const found = useQuery({
    queryKey: ["operator", "training", organisation],
    queryFn: async ({ signal }) => (await get(LIST, { path: { organisation }, signal })).credentials,
  });
  return (
    <>
      <PageTitle tab={say("training/title")}>{say("training/title")}</PageTitle>
      <p>{say("training/about")}</p>
      <Query of={found}>
        {(all) => (all.length === 0 ? <Empty>{say("training/none")}</Empty> : <Listed of={all} />)}
      </Query>
    </>
  );
}

function Listed({ of }: { of: readonly Issued[] }): ReactNode {
  const say = useText("portal_operator");
  const course = useText("portal_training");
  const path = usePath();
  const staff = useStaff(useWho()?.organisation ?? "");
  const names = new Map((staff.data ?? []).map((each) => [each.practitioner, each.name]));
  return (
    <Rows
      caption={say("training/caption")}
      columns={COLUMNS.map((each) => say(`training/columns/${each}`))}
      of={of.map((each) => ({
        key: each.credential,
        cells: [
          names.get(each.subject) ?? <SubjectName key="who" id={each.subject} />,
          <Link key="course" to={path(`training/credentials/${each.credential}`)}>
            {course(`courses/${each.course}/title`)}
          </Link>,
          <Moment key="day" at={each.issued} />,
          each.withdrawn == null ? (
            <Withdraw key="state" of={each} />
          ) : (
            say("training/withdrawn", { reason: say(`training/reasons/${each.reason ?? "superseded"}`) })
          ),
        ],
      }))}
    />
  );
}

function Withdraw({ of }: { of: Issued }): ReactNode {
  const say = useText("portal_operator");
  const organisation = useWho()?.organisation ?? "";
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  const withdraw = useMutation({
    mutationFn: () =>
      post(`${LIST}/{credential}/withdrawal`, {
        path: { organisation, credential: of.credential },
        body: { reason: reason as (typeof REASONS)[number] },
      }),
    onSettled: () => queries.invalidateQueries({ queryKey: ["operator", "training"] }),
  });
  if (!open) {
    return (
      <Button variant="outline" onClick={() => { setOpen(true); }}>{say("training/withdraw")}</Button>
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        withdraw.mutate();
      }}
    >
      <NativeSelect
        label={say("training/reason")}
        description={say("training/for_good")}
        required
        value={reason}
        data={[
          { value: "", label: say("training/choose") },
          ...REASONS.map((value) => ({ value, label: say(`training/reasons/${value}`) })),
        ]}
        onChange={(event) => { setReason(event.currentTarget.value); }}
      />
      <div aria-live="polite">{withdraw.isError ? <ProblemNotice error={withdraw.error} /> : null}</div>
      <Group mt="sm">
        <Button variant="outline" onClick={() => { setOpen(false); }}>{say("training/keep")}</Button>
        <Button type="submit" variant="outline" disabled={reason === ""} loading={withdraw.isPending}>
          {say("training/withdraw")}
        </Button>
      </Group>
    </form>
  );
}
