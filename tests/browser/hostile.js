// A page of another site that has callbacks created through the browser of its visitor, in each way that a page has.
// What it gets to see of each is told to the site that it comes from.

const parameters = new URLSearchParams(location.search)
const create = `${parameters.get("server")}/ringback.v1.CallbacksService/CreateCallback`
const list = `${parameters.get("server")}/ringback.v1.CallbacksService/ListCallbacks`
const request = parameters.get("request")
const json = { "Content-Type": "application/json" }

function form(url, enctype) {
  const frame = document.createElement("iframe")
  frame.name = enctype
  document.body.append(frame)
  const element = Object.assign(document.createElement("form"), { action: url, method: "POST", enctype, target: enctype })
  // As text/plain it is sent as name=value: the name is the beginning of the JSON, and the value its end.
  const [begin, end] = [request.slice(0, -1), `,"labels":{"a":"b"}}`]
  element.append(Object.assign(document.createElement("input"), { name: begin, value: end }))
  document.body.append(element)
  return new Promise((resolve) => {
    frame.onload = () => resolve("loaded")
    element.submit()
  })
}

function image(url) {
  return new Promise((resolve) => {
    const element = Object.assign(new Image(), { onload: () => resolve("loaded"), onerror: () => resolve("refused") })
    element.src = url
  })
}

const seen = async (response) => `${response.type} ${response.status} ${(await response.text()).length > 2}`
const post = (headers, mode, credentials) =>
  fetch(create, { method: "POST", body: request, headers, mode, credentials }).then(seen)

const ways = {
  formOfText: () => form(create, "text/plain"),
  formOfFields: () => form(create, "application/x-www-form-urlencoded"),
  formOfParts: () => form(create, "multipart/form-data"),
  beacon: async () => String(navigator.sendBeacon(create, request)),
  beaconOfNoType: async () => String(navigator.sendBeacon(create, new Blob([request]))),
  text: () => post({ "Content-Type": "text/plain" }, "no-cors", "include"),
  noType: () => fetch(create, { method: "POST", body: new Blob([request]), mode: "no-cors" }).then(seen),
  jsonWithCookies: () => post(json, "cors", "include"),
  json: () => post(json, "cors", "omit"),
  read: () => fetch(list, { method: "POST", body: "{}", headers: json }).then(seen),
  session: () => fetch(`${parameters.get("server")}/session`).then(seen),
  image: () => image(`${parameters.get("server")}/openapi.json`),
}

const told = {}
for (const [name, attempt] of Object.entries(ways)) {
  told[name] = await attempt().catch(() => "refused")
}
await fetch("/told", { method: "POST", body: JSON.stringify(told) })
