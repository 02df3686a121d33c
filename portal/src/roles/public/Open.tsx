/** Opening a link that a person shared: who you are, the passcode, and then the records. */
import { Alert, Button, PasswordInput, Stack, Table, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { useLocation } from "react-router";

import { PageTitle } from "../../components/Page";
import { useKnows, useText } from "../../text";
import { decrypt, fetchFile, type Payload, placeOf, readLink } from "../patient/links/shl";
import { type Line, linesOf } from "../patient/links/shown";
import { TroubleError } from "../patient/links/trouble";

const LONGEST_NAME = 200;

interface Opened {
  readonly lines: readonly Line[];
  readonly file: string;
}

function linkIn(hash: string): Payload | TroubleError {
  try {
    const link = readLink(decodeURI(hash));
    placeOf(link.url, window.location.origin);
    return link;
  } catch (error) {
    return error instanceof TroubleError ? error : new TroubleError("no_link");
  }
}

async function opened(link: Payload, recipient: string, passcode: string): Promise<Opened> {
  const given = link.flag.includes("P") ? passcode : undefined;
  const file = await fetchFile(link, recipient, given, window.location.origin);
  const text = new TextDecoder().decode(await decrypt(file, link.key));
  return { lines: linesOf(JSON.parse(text)), file: text };
}

export default function Open(): ReactNode {
  const say = useText("portal_open");
  const { hash } = useLocation();
  const link = linkIn(hash);
  return (
    <>
      <PageTitle tab={say("title")}>{say("title")}</PageTitle>
      {link instanceof TroubleError ? <Notice of={link} /> : <Opening link={link} key={hash} />}
    </>
  );
}

function Notice({ of }: { of: Error }): ReactNode {
  const say = useText("portal_open");
  const found = of instanceof TroubleError ? of : new TroubleError("damaged");
  return (
    <Alert color="red" variant="outline" role="alert" title={say(`troubles/${found.trouble}/title`)}>
      {say(`troubles/${found.trouble}/next`, { left: found.left })}
    </Alert>
  );
}

function Opening({ link }: { link: Payload }): ReactNode {
  const say = useText("portal_open");
  const [recipient, setRecipient] = useState("");
  const [passcode, setPasscode] = useState("");
  const opening = useMutation({ mutationFn: () => opened(link, recipient.trim(), passcode) });
  if (opening.data !== undefined) return <Records of={opening.data} label={link.label} />;
  const open = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (recipient.trim() !== "") opening.mutate();
  };
  return (
    <form onSubmit={open}>
      <Stack gap="md" align="flex-start">
        {link.label === "" ? null : <p>{say("label", { label: link.label })}</p>}
        <p>{say("about")}</p>
        <TextInput
          label={say("recipient")}
          description={say("recipient_about")}
          name="recipient"
          value={recipient}
          maxLength={LONGEST_NAME}
          autoComplete="name"
          required
          onChange={(event) => {
            setRecipient(event.currentTarget.value);
          }}
        />
        {link.flag.includes("P") ? (
          <PasswordInput
            label={say("passcode")}
            name="passcode"
            value={passcode}
            autoComplete="one-time-code"
            required
            visibilityToggleButtonProps={{ "aria-label": say("show_passcode") }}
            onChange={(event) => {
              setPasscode(event.currentTarget.value);
            }}
          />
        ) : null}
        <div aria-live="polite">
          {opening.error === null ? null : <Notice of={opening.error} />}
        </div>
        <Button type="submit" size="lg" loading={opening.isPending}>
          {say("open")}
        </Button>
      </Stack>
    </form>
  );
}

function Records({ of, label }: { of: Opened; label: string }): ReactNode {
  const say = useText("portal_open");
  const knows = useKnows("portal_open");
  const name = (type: string): string => (knows(`types/${type}`) ? say(`types/${type}`) : type);
  const keep = (): void => {
    const url = URL.createObjectURL(new Blob([of.file], { type: "application/fhir+json" }));
    const made = document.createElement("a");
    made.href = url;
    made.download = "records.json";
    made.click();
    URL.revokeObjectURL(url);
  };
  return (
    <Stack gap="md" align="flex-start">
      <p role="status">{say("opened", { count: of.lines.length })}</p>
      <Table.ScrollContainer minWidth={320}>
        <Table>
          <Table.Caption>{label === "" ? say("records") : label}</Table.Caption>
          <Table.Thead>
            <Table.Tr>
              {["what", "name", "when", "value"].map((each) => (
                <Table.Th key={each} scope="col">
                  {say(`columns/${each}`)}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {of.lines.map((each) => (
              <Table.Tr key={each.key}>
                <Table.Td>{name(each.type)}</Table.Td>
                <Table.Td>{each.title}</Table.Td>
                <Table.Td>{each.when}</Table.Td>
                <Table.Td>{each.value}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Button variant="outline" onClick={keep}>
        {say("keep")}
      </Button>
      <p>{say("kept_about")}</p>
    </Stack>
  );
}
