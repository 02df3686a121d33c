/** One's own data as a whole: take it along, see who may see, questions, erase. */
import { Button, SimpleGrid, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { request } from "../../api";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { usePath } from "../../language";
import { useText } from "../../text";
import { Done } from "./Done";
import { useMe, type Me } from "./reading";
import { save } from "./save";

const DOORS = [
  "access", "questions", "links", "device", "reading", "carers",
  "carer-code", "guardians", "guarding", "erasure",
] as const;

export default function Data(): ReactNode {
  const say = useText("portal_patient");
  const path = usePath();
  return (
    <>
      <PageTitle tab={say("data/tab")}>{say("data/title")}</PageTitle>
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        {DOORS.map((door) => (
          <Link key={door} to={path(`my/${door}`)} className="door">
            <strong>{say(`${door}/title`)}</strong>
            <span>{say(`data/doors/${door}`)}</span>
          </Link>
        ))}
      </SimpleGrid>
      <Export />
    </>
  );
}

// A whole record can be large, and is put together before the first byte comes.
const PATIENCE = 300_000;

async function fetchExport(path: Me): Promise<Blob> {
  const answer = await request("GET", "/v1/organisations/{organisation}/persons/{person}/export", {
    path: { ...path }, headers: { Accept: "application/zip" }, timeout: PATIENCE,
  });
  return answer.blob();
}

function Export(): ReactNode {
  const say = useText("portal_patient");
  const me = useMe();
  const take = useMutation({
    mutationFn: () => fetchExport(me),
    onSuccess: (file) => { save(file, "my-records.zip"); },
  });
  return (
    <>
      <Title order={2} mt="xl">{say("export/title")}</Title>
      <p>{say("export/about")}</p>
      <p>{say("export/care")}</p>
      <div aria-live="polite">
        {take.isError ? <ProblemNotice error={take.error} /> : null}
        {take.isSuccess ? <Done title={say("export/done")} /> : null}
      </div>
      <Button size="lg" mt="sm" loading={take.isPending} onClick={() => { take.mutate(); }}>
        {say("export/take")}
      </Button>
    </>
  );
}
