// Pause a service, and resume it.
import { useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";

import { directory } from "../api/clients.js";
import { queues } from "../live/queues.js";
import { nameOf, type Picture } from "../model/queue.js";
import { ActDialog } from "./act-dialog.js";
import { useDead } from "./followed.js";
import { ask, refused, serviceConfirmed } from "./pending.js";
import { useSending } from "./sending.js";
import { goneSentence } from "./sentences.js";
import { pauseSentence, resumeSentence } from "./service-sentences.js";
import { writing } from "./writing.js";

const NO_FIELDS: ReadonlySet<never> = new Set();

export function PauseDialog(props: { pause: boolean; opened: Picture; onClose: () => void }): JSX.Element {
  const { pause, opened, onClose } = props;
  const id = opened.service.serviceId;
  const sending = useSending(NO_FIELDS);
  const { dead, begin } = useDead();
  const current = useSignal(opened.service);
  // Read again after a refusal: the stream may be slower.
  const etag = useSignal(opened.service.etag);
  useSignalEffect(() => {
    const service = queues.value.get(id)?.service;
    if (service === undefined || service.etag === current.peek().etag) return;
    current.value = service;
    etag.value = service.etag;
    begin();
  });
  const picture = queues.value.get(id);
  const queue = picture?.queue ?? opened.queue;
  const isGone = picture === undefined && queues.value.size > 0;
  const seen = { service: current.value, queue };
  const said = isGone ? goneSentence() : pause ? pauseSentence(seen, writing()) : resumeSentence(seen, writing());
  const name = nameOf(current.value);

  const send = async (): Promise<void> => {
    ask(id, pause ? "pause requested" : "resume requested");
    const done = await sending.send(
      async () => {
        const service = { serviceId: id, etag: etag.peek(), paused: pause };
        const response = await directory.updateService({ service, updateMask: { paths: ["paused"] } });
        if (response.service === undefined) refused(id);
        else serviceConfirmed(response.service);
      },
      async ({ reason }) => {
        refused(id);
        if (reason !== "ETAG_MISMATCH") return;
        const { service } = await directory.getService({ key: { case: "serviceId", value: id } });
        if (service === undefined) return;
        current.value = service;
        etag.value = service.etag;
        begin();
      },
    );
    if (done) onClose();
  };
  return (
    <ActDialog
      title={`${pause ? "Pause" : "Resume"} ${name}?`}
      rpc="UpdateService"
      said={said}
      changes={current.value.etag === opened.service.etag ? [] : ["the settings of the service"]}
      sending={sending}
      dead={dead.value}
      button={pause ? "Pause service" : "Resume service"}
      busyWord={pause ? "Pausing …" : "Resuming …"}
      keep={pause ? "Go on" : "Leave it paused"}
      danger={pause}
      onSend={() => void send()}
      onClose={onClose}
    />
  );
}
