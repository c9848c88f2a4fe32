// watch ADDRESS SERVICE_CONFIG LIMIT: what the loop of docs/stubs.md receives, until LIMIT responses (0: until a refusal).
//
// Prints a line for each response (`token TOKEN`) after one for each of its events (`event ID REVISION`), and in the end
// `ended CODE`, with the number of the status.
#include "resume.h"

#include <fstream>
#include <iostream>
#include <sstream>

int main(int count, char** arguments) {
  if (count != 4) return 2;
  std::stringstream service_config;
  service_config << std::ifstream(arguments[2]).rdbuf();
  const auto callbacks = CallbacksService::NewStub(Connect(arguments[1], service_config.str()));
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
