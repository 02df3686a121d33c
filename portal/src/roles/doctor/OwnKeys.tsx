/** The keys that sign for the reader: this device's, those of other devices; one more, one fewer. */
import { Button, Code, Stack, Textarea, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { get } from "../../api";
import { Query } from "../../components/Query";
import { Rows } from "../../components/Rows";
import { type DeviceKey, type Message } from "../../sign";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { type Asking, asking, comparable } from "./handover";
import { KEY_QUERY, toSign } from "./signing-key";
import { SignThen } from "./SignThen";

export function OwnKeys({ by }: { by: DeviceKey }): ReactNode {
  const say = useText("portal_doctor");
  const own = useOwn();
  const queries = useQueryClient();
  const [ending, setEnding] = useState<Uint8Array<ArrayBuffer>>();
  const standing = useQuery({
    queryKey: [KEY_QUERY, own.subject, "all"],
    queryFn: async ({ signal }) => {
      const query = { owner: own.subject, limit: 200 };
      const { items } = await get("/v1/identity/keys", { query, signal });
      return items.filter((each) => each.ended === null).map((each) => each.id);
    },
  });
  const over = (): void => {
    setEnding(undefined);
    void queries.invalidateQueries({ queryKey: [KEY_QUERY] });
  };
  return (
    <Stack gap="md">
      <p role="status">
        <strong>{say("key/here")}</strong> <Code>{by.id}</Code>
      </p>
      {ending === undefined ? (
        <>
          <Query of={standing}>
            {(keys) => (
              <Rows
                caption={say("key/all")}
                columns={[say("key/code"), say("key/lost")]}
                of={keys.map((id) => ({
                  key: id,
                  cells: [
                    <Code key="code">{comparable(id)}</Code>,
                    id === by.id ? (
                      say("key/this_device")
                    ) : (
                      <Button
                        key="end"
                        variant="outline"
                        onClick={() => {
                          const message = { type: "identity.RevokeKey", key: id };
                          setEnding(toSign(by, own, message));
                        }}
                      >
                        {say("key/end_of", { code: comparable(id) })}
                      </Button>
                    ),
                  ],
                }))}
              />
            )}
          </Query>
          <LetIn by={by} />
        </>
      ) : (
        <SignThen bytes={ending} then={over} leave={over} />
      )}
    </Stack>
  );
}

/** Lets another device's key in; what both devices show must be the same. */
function LetIn({ by }: { by: DeviceKey }): ReactNode {
  const say = useText("portal_doctor");
  const own = useOwn();
  const queries = useQueryClient();
  const [text, setText] = useState("");
  const [signing, setSigning] = useState<Uint8Array<ArrayBuffer>>();
  const read = useMutation({ mutationFn: asking });
  const leave = (): void => {
    setSigning(undefined);
    setText("");
    read.reset();
    void queries.invalidateQueries({ queryKey: [KEY_QUERY] });
  };
  const sign = (message: Message): void => {
    setSigning(toSign(by, own, message));
  };
  if (signing !== undefined) return <SignThen bytes={signing} then={leave} leave={leave} />;
  const found: Asking | undefined = read.data;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        read.mutate(text);
      }}
    >
      <Stack gap="sm" align="flex-start">
        <Title order={2}>{say("key/another")}</Title>
        <p>{say("key/another_about")}</p>
        <Textarea
          label={say("key/text")}
          w="100%"
          autosize
          required
          maxLength={2_000}
          spellCheck={false}
          value={text}
          error={read.isSuccess && found === undefined ? say("key/not_read") : undefined}
          onChange={(event) => {
            setText(event.currentTarget.value);
            read.reset();
          }}
        />
        {found === undefined ? (
          <Button type="submit" variant="outline" loading={read.isPending}>
            {say("key/read")}
          </Button>
        ) : (
          <>
            <p role="status">
              {say("key/same")} <Code translate="no">{comparable(found.id)}</Code>
            </p>
            <Button
              onClick={() => {
                sign(found.message);
              }}
            >
              {say("key/let_in")}
            </Button>
          </>
        )}
      </Stack>
    </form>
  );
}
