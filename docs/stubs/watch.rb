# watch.rb ADDRESS SERVICE_CONFIG LIMIT [ROOTS TOKEN_FILE]: what the loop of docs/stubs.md receives, until LIMIT responses
# (0: until a refusal); over TLS if there are roots.
#
# Prints a line for each response (`token TOKEN`) after one for each of its events (`event ID REVISION`), and in the end
# `ended CODE`, with the number of the status.
require "resume"

$stdout.sync = true
address, service_config, limit, roots, token_file = ARGV
credentials = roots ? secured(File.read(roots), nil, nil, token_file) : :this_channel_is_insecure
callbacks = Ringback::V1::CallbacksService::Stub.new(address, credentials,
                                                     channel_args: recovering(File.read(service_config)))
left = limit.to_i
begin
  watch(callbacks, Ringback::V1::WatchCallbacksRequest.new(snapshot_mode: :SNAPSHOT_MODE_WHEN_NEEDED)) do |response|
    response.events.each { |event| puts "event #{event.callback.callback_id} #{event.callback.revision}" }
    puts "token #{response.resume_token}"
    break if (left -= 1).zero?
  end
  puts "ended 0"
rescue GRPC::BadStatus => e
  puts "ended #{e.code}"
end
