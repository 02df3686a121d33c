/** A new invitation: its link and QR code, shown this once. */
import { Button, Group, Stack, Title } from "@mantine/core";
import { type ReactNode, useEffect, useRef, useState } from "react";

import type { AnswerOf } from "../../api";
import { Moment } from "../../components/Moment";
import { useText } from "../../text";
import { Command } from "../../components/Command";

export type IssuedInvitation = AnswerOf<"/v1/organisations/{organisation}/invitations", "post">;

interface Props {
  readonly of: IssuedInvitation;
  readonly onClose: () => void;
}

export function Issued({ of, onClose }: Props): ReactNode {
  const say = useText("portal_operator");
  const [copied, setCopied] = useState<"yes" | "no">();
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    head.current?.focus();
  }, []);
  const { side, path } = of.qr;
  const copy = (): void => {
    navigator.clipboard.writeText(of.link).then(
      () => {
        setCopied("yes");
      },
      () => {
        setCopied("no");
      },
    );
  };
  return (
    <Stack gap="sm" align="flex-start" component="section">
      <Title order={2} ref={head} tabIndex={-1}>
        {say("issued/title")}
      </Title>
      <p>{say("issued/about")}</p>
      <svg
        viewBox={`0 0 ${side} ${side}`}
        width="220"
        height="220"
        role="img"
        aria-label={say("issued/qr")}
        shapeRendering="crispEdges"
      >
        <rect width={side} height={side} fill="#fff" />
        <path d={path} fill="#000" />
      </svg>
      <Command>{of.link}</Command>
      <p>
        {say("issued/until")} <Moment at={of.invitation.expires} />
      </p>
      <Group>
        <Button variant="outline" onClick={copy}>
          {say("issued/copy")}
        </Button>
        <Button onClick={onClose}>{say("issued/done")}</Button>
      </Group>
      <p role="status">{copied === undefined ? null : say(`issued/copied/${copied}`)}</p>
    </Stack>
  );
}
