// watch ADDRESS SERVICE_CONFIG LIMIT [ROOTS TOKEN_FILE]: what the loop of docs/stubs.md receives, until LIMIT responses
// (0: until a refusal); over TLS if there are roots.
//
// Prints a line for each response (`token TOKEN`) after one for each of its events (`event ID REVISION`), and in the end
// `ended CODE`, with the number of the status.
#include "resume.h"

#include <iostream>
#include <sstream>

std::string Content(const char* path) {
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

int main(int count, char** arguments) {
  if (count != 4 && count != 6) return 2;
  auto credentials = grpc::InsecureChannelCredentials();
  if (count == 6) credentials = Secured({Content(arguments[4]), "", ""}, arguments[5]);
  const auto callbacks = CallbacksService::NewStub(Connect(arguments[1], Content(arguments[2]), credentials));
  WatchCallbacksRequest request;
  request.set_snapshot_mode(ringback::v1::SNAPSHOT_MODE_WHEN_NEEDED);
  int left = std::stoi(arguments[3]);
  const grpc::Status status = Watch(*callbacks, request, [&left](const WatchCallbacksResponse& response) {
    for (const auto& event : response.events()) {
      std::cout << "event " << event.callback().callback_id() << " " << event.callback().revision() << std::endl;
    }
    std::cout << "token " << response.resume_token() << std::endl;
    return --left != 0;
  });
  std::cout << "ended " << status.error_code() << std::endl;
}
